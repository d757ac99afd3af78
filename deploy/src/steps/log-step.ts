import { attemptOutside } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { createPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** Where a step that changes Kafka is logged. */
export const stepLogSettings = () => ({
  databaseUrl: setting(
    "DATABASE_URL",
    z.string().min(1).optional(),
    "address of the database, whose audit log says who ran this step; not set: the step is not logged",
  ),
});

/**
 * Runs a step between two entries of the audit log. If the first one cannot be appended, nothing is changed.
 *
 * @param options.work gets a function that prints a line; what it prints is in the second entry
 * @throws what `work` throws; and the database's errors
 */
export async function logStep(options: {
  action: string;
  object: string;
  databaseUrl: string | undefined;
  print: (line: string) => void;
  work: (print: (line: string) => void) => Promise<void>;
}): Promise<void> {
  const { action, object, databaseUrl, print, work } = options;
  if (databaseUrl === undefined) {
    print("not in the audit log: DATABASE_URL is not set");
    return work(print);
  }
  const pool = createPool({
    databaseUrl,
    applicationName: `fiberstream-${object}`,
    maxConnections: 1,
    log: createLog({ service: object, level: "error", format: "auto" }),
  });
  try {
    const lines: string[] = [];
    const attempt = { action, objectKind: "cluster", object };
    const run = () =>
      work((line) => {
        lines.push(line);
        print(line);
      });
    await attemptOutside(pool, operator(), attempt, run, () => ({ lines }));
  } finally {
    await pool.end();
  }
}
