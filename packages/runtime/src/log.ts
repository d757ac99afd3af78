import { ecsFormat } from "@elastic/ecs-pino-format";
import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type Log = Logger;
export type LogFormat = "json" | "pretty" | "auto";

/**
 * A log line is an event and its fields: `log.warn({ partition, offset }, "record dead-lettered")`.
 * JSON lines follow the Elastic Common Schema; never log a payload or a secret.
 */
export function createLog(options: { service: string; level: string; format: LogFormat }): Log {
  const { service, level, format } = options;
  const isPretty = format === "pretty" || (format === "auto" && process.stdout.isTTY);
  if (isPretty) {
    return pino(
      { level, base: { service } },
      pretty({ ignore: "service", messageFormat: "{service}: {msg}", sync: true }),
    );
  }
  return pino({ ...ecsFormat({ serviceName: service }), level });
}
