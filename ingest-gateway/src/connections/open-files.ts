import type { Log } from "@fiberstream/runtime/log";

/**
 * Kept for all that is not a probe's connection: brokers, Redis, PostgreSQL, the admin port, files. Of a small limit it
 * is half.
 */
const RESERVED_FILES = 256;

/** How many files and connections this process may have open at once; undefined where the system sets no limit. */
export function openFilesLimit(): number | undefined {
  // Else it looks up the names of all peers first. The types do not know the option yet.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files?: { soft?: number | string } };
  };
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isFinite(soft) ? soft : undefined;
}

/**
 * How many probes' connections are taken at once: `MAX_CONNECTIONS`, or what the limit of open files leaves. With all of
 * them taken by connections the gateway could not reach Kafka again, nor answer `/livez`.
 */
export function connectionsWithin(
  openFiles: number | undefined,
  { maxConnections, log }: { maxConnections: number; log: Log },
): number {
  if (openFiles === undefined) return maxConnections;
  const room = Math.max(1, openFiles - Math.min(RESERVED_FILES, Math.ceil(openFiles / 2)));
  if (maxConnections <= room) return maxConnections;
  log.warn(
    { MAX_CONNECTIONS: maxConnections, openFiles, connections: room },
    "open file limit is below MAX_CONNECTIONS, accepting fewer connections; raise the limit (ulimit -n) or lower the setting",
  );
  return room;
}
