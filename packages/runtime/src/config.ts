import { z } from "zod";
import {
  type ConfigOf,
  portNumber,
  setting,
  type Settings,
  readSettings,
  wholeNumber,
} from "./settings/settings.ts";
import { tracingSettings } from "./tracing/tracing.ts";

/** The settings that every service has. */
export const serviceSettings = (adminPort: number) => ({
  adminHost: setting("ADMIN_HOST", z.string().default("127.0.0.1"), "address of the admin server"),
  adminPort: setting("ADMIN_PORT", portNumber().default(adminPort), "port of the admin server"),
  logLevel: setting(
    "LOG_LEVEL",
    z.enum(["fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
    "lowest level that is logged",
  ),
  logFormat: setting(
    "LOG_FORMAT",
    z.enum(["json", "pretty", "auto"]).default("auto"),
    "json (Elastic Common Schema), pretty, or auto: pretty on a terminal",
  ),
  shutdownTimeoutMs: setting(
    "SHUTDOWN_TIMEOUT_MS",
    wholeNumber({ min: 0, max: 600_000 }).default(25_000),
    "how long a stop may take before the process ends anyway",
  ),
  ...tracingSettings(),
});

/**
 * Reads settings from the process's environment.
 * @throws {ConfigError}
 */
export function readConfig<S extends Settings>(settings: S): ConfigOf<S> {
  return readSettings(settings, process.env);
}
