import { type PgPool, query } from "@fiberstream/postgres/pool";
import { Gauge, type Registry } from "prom-client";

export type DatabaseGauges = {
  /**
   * Reads the database's statistics.
   * @throws {TransientError}
   * @throws {FatalError} the gauges have no values then
   */
  readonly refresh: (pool: PgPool) => Promise<void>;
};

/** Gauges of the database's size and load. Every sink reports the same values. */
export function createDatabaseGauges(registry: Registry): DatabaseGauges {
  const registers = [registry];
  const bytes = new Gauge({
    name: "fiberstream_database_size_bytes",
    help: "Size of the database on disk, without WAL. If it outgrows retention, check table sizes, then the retention job",
    registers,
  });
  const tableBytes = new Gauge({
    name: "fiberstream_database_table_bytes",
    help: "Size of a table on disk, with its indexes and chunks",
    labelNames: ["table"],
    registers,
  });
  const chunks = new Gauge({
    name: "fiberstream_database_chunks",
    help: "Chunks of the table metrics. More than retention allows: the retention job is not running",
    registers,
  });
  const deadRows = new Gauge({
    name: "fiberstream_database_dead_rows",
    help: "Dead tuples not yet vacuumed, over all tables. Growing without bound: vacuum is not running, or an old transaction blocks it",
    registers,
  });
  const connections = new Gauge({
    name: "fiberstream_database_connections",
    help: "Connections to the server, by state; idle_in_transaction ones hold locks and block vacuum. other: those whose state the sink's role may not see, unless it is a member of pg_read_all_stats",
    labelNames: ["state"],
    registers,
  });
  const maxConnections = new Gauge({
    name: "fiberstream_database_max_connections",
    help: "The server's max_connections. When all are in use the server rejects new connections, those of the sink too",
    registers,
  });
  const oldestTransaction = new Gauge({
    name: "fiberstream_database_oldest_transaction_seconds",
    help: "Age of the oldest open transaction that the sink's role may see (all, as a member of pg_read_all_stats). Hours: it blocks vacuum, find it in pg_stat_activity",
    registers,
  });
  const unreplicated = new Gauge({
    name: "fiberstream_database_unreplicated_bytes",
    help: "WAL that the slowest replica or replication slot has not received; 0 without replicas and slots. For a slot the server retains WAL until its disk is full",
    registers,
  });
  const archiveFailing = new Gauge({
    name: "fiberstream_database_archive_failing",
    help: "1 after a failed attempt to archive WAL, 0 after a successful one, NaN where archive_mode is off. The server's log has the output of archive_command",
    registers,
  });
  const lastBackup = new Gauge({
    name: "fiberstream_database_last_backup_timestamp_seconds",
    help: "When the newest base backup recorded in the table base_backups ended, Unix time; NaN when none is recorded",
    registers,
  });
  const transactionAge = new Gauge({
    name: "fiberstream_database_transaction_age",
    help: "Age in transactions of the oldest unfrozen transaction id over all databases of the server, or of the oldest multixact if that is more. Above 200 million autovacuum freezes by force; at 2.1 billion the server rejects writes. Still growing: look for old transactions, slots and prepared transactions",
    registers,
  });
  const single = {
    bytes,
    chunks,
    deadRows,
    maxConnections,
    oldestTransaction,
    unreplicated,
    archiveFailing,
    lastBackup,
    transactionAge,
  };

  const clear = () => {
    tableBytes.reset();
    connections.reset();
    // A gauge without labels would keep its last value.
    for (const gauge of Object.values(single)) gauge.set(Number.NaN);
  };
  clear();

  return {
    refresh: async (pool) => {
      try {
        const [statistics] = await query<Statistics>(pool, READ_STATISTICS);
        if (statistics === undefined) return;
        for (const [name, gauge] of Object.entries(single)) {
          gauge.set(Number(statistics[name as keyof typeof single] ?? Number.NaN));
        }
        connections.reset();
        for (const [state, count] of Object.entries(statistics.connections)) {
          connections.set({ state }, count);
        }
        for (const [table, size] of Object.entries(statistics.tables))
          tableBytes.set({ table }, size);
      } catch (error) {
        clear();
        throw error;
      }
    },
  };
}

export const CONNECTION_STATES = ["active", "idle", "idle_in_transaction", "other"] as const;
export const WATCHED_TABLES = ["metrics", "metric_conflicts", "nodes"] as const;

/** Large numbers come as text; null is a value that the server does not have. */
type Statistics = Record<
  | "bytes"
  | "chunks"
  | "deadRows"
  | "maxConnections"
  | "oldestTransaction"
  | "unreplicated"
  | "archiveFailing"
  | "lastBackup"
  | "transactionAge",
  string | number | null
> & {
  readonly connections: Record<(typeof CONNECTION_STATES)[number], number>;
  readonly tables: Record<(typeof WATCHED_TABLES)[number], number>;
};

// Only members of pg_read_all_stats see the kind, state and age of others' sessions and of replicas; for other roles
// they are NULL.
const IS_CLIENT = `datid IS NOT NULL AND usesysid IS NOT NULL
        AND coalesce(backend_type, 'client backend') = 'client backend'`;
const READ_STATISTICS = `
  SELECT
    pg_database_size(current_database()) AS bytes,
    (SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'metrics') AS chunks,
    (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables) AS "deadRows",
    current_setting('max_connections')::integer AS "maxConnections",
    (SELECT coalesce(extract(epoch FROM max(now() - xact_start)), 0)
       FROM pg_stat_activity
      WHERE ${IS_CLIENT} AND pid <> pg_backend_pid()) AS "oldestTransaction",
    (SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), behind.lsn)), 0)
       FROM (SELECT restart_lsn AS lsn FROM pg_replication_slots
             UNION ALL SELECT replay_lsn FROM pg_stat_replication) AS behind) AS unreplicated,
    (SELECT CASE WHEN current_setting('archive_mode') <> 'off'
                 THEN coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)::integer
            END
       FROM pg_stat_archiver) AS "archiveFailing",
    (SELECT extract(epoch FROM max(finished_at)) FROM base_backups) AS "lastBackup",
    (SELECT max(greatest(age(datfrozenxid), mxid_age(datminmxid))) FROM pg_database) AS "transactionAge",
    (SELECT jsonb_build_object(
              'active', count(*) FILTER (WHERE state = 'active'),
              'idle', count(*) FILTER (WHERE state = 'idle'),
              'idle_in_transaction', count(*) FILTER (WHERE state LIKE 'idle in transaction%'),
              'other', count(*) FILTER (WHERE state IS NULL
                         OR state <> 'active' AND state NOT LIKE 'idle%'))
       FROM pg_stat_activity WHERE ${IS_CLIENT}) AS connections,
    jsonb_build_object(
      'metrics', hypertable_size('metrics'),
      'metric_conflicts', pg_total_relation_size('metric_conflicts'),
      'nodes', pg_total_relation_size('nodes')) AS tables`;
