import { kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";

const durationMs = (standard: number) =>
  wholeNumber({ min: 1, max: 7 * 86_400_000 }).default(standard);

/** At most so many witnesses: each gets every checkpoint. */
const MAX_WITNESSES = 10;

export const auditorSettings = {
  ...serviceSettings(8050),
  ...kafkaSettings(),
  ...postgresSettings(),
  origin: setting(
    "AUDIT_ORIGIN",
    z
      .string()
      .regex(/^[^\s+]{1,200}$/, "takes no spaces and no +")
      .default("fiberstream/audit"),
    "name of this trail in its checkpoints, a URL without scheme that nobody else uses, such as fiberstream.example/audit",
  ),
  signingKeyFile: setting(
    "AUDIT_SIGNING_KEY_FILE",
    z.string(),
    "PEM file with the Ed25519 private key that signs checkpoints (fiber audit keygen)",
  ),
  createsKey: setting(
    "AUDIT_CREATES_KEY",
    z.stringbool().default(false),
    "create the file of the key if it does not exist, for a local start",
  ),
  formerKeysFile: setting(
    "AUDIT_FORMER_KEYS_FILE",
    z.string().optional(),
    "file with the public keys that signed earlier checkpoints, one in a line; needed after a rotation",
  ),
  checkpointFile: setting(
    "AUDIT_CHECKPOINT_FILE",
    z.string().optional(),
    "file that each checkpoint is appended to, on a disk that neither PostgreSQL nor Kafka uses; not set: only Kafka has them",
  ),
  witnessUrls: setting(
    "AUDIT_WITNESS_URLS",
    z
      .string()
      .default("")
      .transform((list) => list.split(",").map((url) => url.trim()))
      .transform((urls) => urls.filter((url) => url !== ""))
      .refine((urls) => urls.length <= MAX_WITNESSES, `must be at most ${MAX_WITNESSES}`)
      .refine(
        (urls) => urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url)),
        "must be http or https URLs, separated by commas",
      ),
    "URLs that each checkpoint is sent to by POST, separated by commas",
  ),
  witnessTimeoutMs: setting(
    "AUDIT_WITNESS_TIMEOUT_MS",
    durationMs(10_000),
    "how long a witness may take for an answer",
  ),
  checkpointIntervalMs: setting(
    "AUDIT_CHECKPOINT_INTERVAL_MS",
    durationMs(5 * 60_000),
    "how often a checkpoint is signed while the trail grows",
  ),
  rereadIntervalMs: setting(
    "AUDIT_REREAD_INTERVAL_MS",
    durationMs(86_400_000),
    "how often the whole trail is read again and compared with what was signed",
  ),
};
