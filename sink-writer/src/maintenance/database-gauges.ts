import { type PgPool, query } from "@fiberstream/postgres/pool";
import { Gauge, type Registry } from "prom-client";

export type DatabaseGauges = {
  /** Reads what the database says of itself. @throws {TransientError} @throws {FatalError} nothing is told then */
  readonly refresh: (pool: PgPool) => Promise<void>;
};

/** How full and how busy the database is, as metrics; every sink reports the same. */
export function createDatabaseGauges(registry: Registry): DatabaseGauges {
  const registers = [registry];
  const bytes = new Gauge({
    name: "fiberstream_database_size_bytes",
    help: "What the database takes on disk, without WAL. Growing beyond what retention lets expect: look at the tables, then at retention",
    registers,
  });
  const tableBytes = new Gauge({
    name: "fiberstream_database_table_bytes",
    help: "What a table takes on disk with its indexes and chunks",
    labelNames: ["table"],
    registers,
  });
  const chunks = new Gauge({
    name: "fiberstream_database_chunks",
    help: "Chunks of metrics, a week each. More than retention lets expect: it does not run",
    registers,
  });
  const deadRows = new Gauge({
    name: "fiberstream_database_dead_rows",
    help: "Rows that are no more and still take space, over all tables. Growing without end: vacuum does not run, or an old transaction holds it up",
    registers,
  });
  const connections = new Gauge({
    name: "fiberstream_database_connections",
    help: "Connections to the server by what they do; idle_in_transaction ones hold locks and hold vacuum up. Other: what the sink's user may not see, unless it is a member of pg_read_all_stats",
    labelNames: ["state"],
    registers,
  });
  const maxConnections = new Gauge({
    name: "fiberstream_database_max_connections",
    help: "Past this the server refuses connections, the sink's among them",
    registers,
  });
  const oldestTransaction = new Gauge({
    name: "fiberstream_database_oldest_transaction_seconds",
    help: "Age of the oldest open transaction that the sink's user may see (all, as a member of pg_read_all_stats); hours: find it in pg_stat_activity, it holds vacuum up",
    registers,
  });
  const unreplicated = new Gauge({
    name: "fiberstream_database_unreplicated_bytes",
    help: "WAL that the furthest replica or replication slot has not taken; 0 when there is none. The server keeps it for a slot until its disk is full",
    registers,
  });
  const archiveFailing = new Gauge({
    name: "fiberstream_database_archive_failing",
    help: "1 while the server's last try to archive WAL has failed, 0 while it succeeds, NaN where archive_mode is off. Look at the server's log for what its archive_command says",
    registers,
  });
  const lastBackup = new Gauge({
    name: "fiberstream_database_last_backup_timestamp_seconds",
    help: "When the newest base backup ended (unix time), as whoever makes them notes it in the table base_backups; NaN when none is noted",
    registers,
  });
  const transactionAge = new Gauge({
    name: "fiberstream_database_transaction_age",
    help: "Transactions since the oldest one that is not frozen, over all databases of the server, or multixacts where these are more. Above 200 million autovacuum freezes by force; at 2.1 billion the server refuses writes. Growing on: look for old transactions, slots and prepared transactions",
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
