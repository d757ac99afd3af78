import { isKeyIdOf } from "@fiberstream/postgres/key-ids";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import type { KeyName } from "./api-key.ts";

/** Whether a key id was certainly never issued. Makes no request. */
export type IsNeverIssued = (name: KeyName) => boolean;

/** A restored database may have another one. */
const READ_EVERY_MS = 30_000;

/**
 * Tells invented ids by the secret that ids are tagged with. Until it could be read none counts as invented, so that a
 * gateway which starts while the database is unavailable takes the keys that Redis knows.
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
  return ({ column, value }) =>
    column === "key_id" && secret !== undefined && !isKeyIdOf(secret, value);
}
