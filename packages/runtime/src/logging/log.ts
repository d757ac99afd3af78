import { ecsFormat } from "@elastic/ecs-pino-format";
import { createRequire } from "node:module";
import { type Logger, pino } from "pino";

import type PinoPretty from "pino-pretty";

export type Log = Logger;
export type LogFormat = "json" | "pretty" | "auto";

/**
 * A log line has an event and fields: `log.warn({ partition, offset }, "record dead-lettered")`.
 * JSON lines follow the Elastic Common Schema. Never log a payload or a secret.
 */
export function createLog(options: { service: string; level: string; format: LogFormat }): Log {
  const { service, level, format } = options;
  const isPretty = format === "pretty" || (format === "auto" && process.stdout.isTTY);
  if (isPretty) {
    // Loaded only when needed: it takes 9 MB of memory.
    const pretty = createRequire(import.meta.url)("pino-pretty") as typeof PinoPretty;
    return pino(
      { level, base: { service } },
      pretty({ ignore: "service", messageFormat: "{service}: {msg}", sync: true }),
    );
  }
  return pino({ ...ecsFormat({ serviceName: service }), level });
}
