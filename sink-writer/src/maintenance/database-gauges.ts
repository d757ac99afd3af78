import { type PgPool, query } from "@fiberstream/postgres/pool";
import { Gauge, type Registry } from "prom-client";

export type DatabaseGauges = {
  /**
   * Reads what the database says of itself.
   * @throws {TransientError}
   * @throws {FatalError} nothing is told then
   */
  readonly refresh: (pool: PgPool) => Promise<void>;
};

/** How full and how busy the database is, as metrics; every sink reports the same. */
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
    help: "The server's max_connections; past it the server refuses connections, the sink's too",
    registers,
  });
  const oldestTransaction = new Gauge({
    name: "fiberstream_database_oldest_transaction_seconds",
    help: "Age of the oldest open transaction that the sink's role may see (all, as a member of pg_read_all_stats). Hours: it blocks vacuum, find it in pg_stat_activity",
    registers,
  });
  const unreplicated = new Gauge({
    name: "fiberstream_database_unreplicated_bytes",
    help: "WAL that the slowest replica or replication slot has not received; 0 when there is none. For a slot the server keeps it until its disk is full",
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
    help: "Age in transactions of the oldest unfrozen transaction id over all databases of the server, or of the oldest multixact if that is more. Above 200 million autovacuum freezes by force; at 2.1 billion the server refuses writes. Still growing: look for old transactions, slots and prepared transactions",
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

  const forget = () => {
    tableBytes.reset();
    connections.reset();
    // A gauge without labels would stay at what it was.
    for (const gauge of Object.values(single)) gauge.set(Number.NaN);
  };
  forget();

  return {
    refresh: async (pool) => {
      try {
        const [facts] = await query<Facts>(pool, READ_FACTS);
        if (facts === undefined) return;
        for (const [name, gauge] of Object.entries(single)) {
          gauge.set(Number(facts[name as keyof typeof single] ?? Number.NaN));
        }
        connections.reset();
        for (const [state, count] of Object.entries(facts.connections)) {
          connections.set({ state }, count);
        }
        for (const [table, size] of Object.entries(facts.tables)) tableBytes.set({ table }, size);
      } catch (error) {
        forget();
        throw error;
      }
    },
  };
}

export const CONNECTION_STATES = ["active", "idle", "idle_in_transaction", "other"] as const;
export const WATCHED_TABLES = ["metrics", "metric_conflicts", "nodes"] as const;

/** Numbers that may be large come as text; null is what there is not. */
type Facts = Record<
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

// Of others' sessions and of replicas only members of pg_read_all_stats see more than that they are there: a
// session's kind, state and age are NULL for those who are not.
const IS_CLIENT = `datid IS NOT NULL AND usesysid IS NOT NULL
        AND coalesce(backend_type, 'client backend') = 'client backend'`;
const READ_FACTS = `
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
