import type { Log } from "@fiberstream/runtime/log";

/**
 * Reserved for all that is not a probe's connection: brokers, Redis, PostgreSQL, the admin port, files. At most half of
 * the limit.
 */
const RESERVED_FILES = 256;

/** Returns how many files and connections this process may have open; undefined if the system sets no limit. */
export function openFilesLimit(): number | undefined {
  // Otherwise the report looks up the names of all peers. Node's types do not have the option yet.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files?: { soft?: number | string } };
  };
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isFinite(soft) ? soft : undefined;
}

/**
 * Returns how many connections of probes are accepted: `MAX_CONNECTIONS`, or less if the open file limit is low. If
 * probes used all of the limit, the gateway could not connect to Kafka again, nor answer `/livez`.
 */
export function connectionsWithin(
  openFiles: number | undefined,
  { maxConnections, log }: { maxConnections: number; log: Log },
): number {
  if (openFiles === undefined) return maxConnections;
  const available = Math.max(1, openFiles - Math.min(RESERVED_FILES, Math.ceil(openFiles / 2)));
  if (maxConnections <= available) return maxConnections;
  log.warn(
    { MAX_CONNECTIONS: maxConnections, openFiles, connections: available },
    "open file limit is below MAX_CONNECTIONS, accepting fewer connections; raise the limit (ulimit -n) or lower the setting",
  );
  return available;
}
