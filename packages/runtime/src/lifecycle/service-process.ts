import { fileURLToPath } from "node:url";

/**
 * The young generation is held at 8 MB a semi-space: by default it grows to 16 MB within seconds of the
 * start and stays there. Measured on the processor draining 200,000 events: 20 us an event with 8, 16 and
 * 32 MB, 22 us with 4 MB; idle memory 131 MB with 8 MB against 146 MB with 16.
 */
const EVERY_SERVICE = ["--max-semi-space-size=8"];

/**
 * Below a heap of 2 GB V8 collects old garbage when the heap has doubled, not when it is fourfold. That
 * costs the gateway 5 % of CPU and saves a quarter of its memory under load; the processor it costs a quarter and more.
 */
const OF_THE_GATEWAY = ["--max-old-space-size=2000"];

/** How Node is started for a service: its path, its options, the service's main file. */
export const serviceCommand = (
  service: string,
  main: string,
  options: readonly string[] = [],
): [string, ...string[]] => [
  process.execPath,
  ...EVERY_SERVICE,
  ...(service === "ingest-gateway" ? OF_THE_GATEWAY : []),
  ...options,
  main,
];

/**
 * Keeps compiled code between starts, types already stripped: 20 MB less memory in each service, which
 * need not load the stripper, and 0.1 s less to start.
 */
export const SERVICE_ENVIRONMENT = {
  NODE_COMPILE_CACHE: fileURLToPath(
    new URL("../../../../node_modules/.cache/node-compile", import.meta.url),
  ),
} as const;
