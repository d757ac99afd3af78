import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import { isKeyIdOf } from "./key-ids.ts";

/** Returns whether a key id was certainly never issued, without a request. */
export type IsNeverIssued = (keyId: string) => boolean;

/** How often the secret is read: a restored database may have another one. */
const READ_EVERY_MS = 30_000;

/**
 * Recognizes invented ids by the secret that ids are tagged with. Until the secret has been read, no id counts as
 * invented, so that a gateway that starts while the database is unavailable accepts the keys that Redis has.
 *
 * @param options.readSecret throws while the database is unavailable
 */
export function startKeyIdCheck(options: {
  readSecret: () => Promise<Buffer>;
  life: Life;
  log: Log;
}): IsNeverIssued {
  const { readSecret, life, log } = options;
  let secret: Buffer | undefined;
  const reading = createRepeatedTask({
    name: "read the secret of key ids",
    work: async () => {
      secret = await readSecret();
    },
    intervalMs: READ_EVERY_MS,
    startsAtOnce: true,
    log,
  });
  life.own(reading, (owned) => owned.end());
  reading.begin();
  return (keyId) => secret !== undefined && !isKeyIdOf(secret, keyId);
}
