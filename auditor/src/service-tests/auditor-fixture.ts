import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "@fiberstream/audit/checkpoints/checkpoint";
import { readCheckpointFile } from "@fiberstream/audit/checkpoints/checkpoint-file";
import { type VerifierKey, verifierKeysOf } from "@fiberstream/audit/checkpoints/signing-keys";
import { createPool, type PgPool, query } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";

/** A trail of its own: a database, a key and an origin. The topics are those of all trails of a test file. */
export type TestTrail = {
  readonly pool: PgPool;
  readonly databaseUrl: string;
  readonly origin: string;
  readonly checkpointFile: string;
  /** The text of its public key. */
  readonly publicKey: () => string;
  /** Starts an auditor; `awaitReady: false` for one that will find the trail broken. */
  readonly startAuditor: (
    environment?: Readonly<Record<string, string>>,
    options?: { awaitReady?: boolean },
  ) => Promise<RunningService>;
  /** Appends entries, and returns the number of the last one. */
  readonly append: (entries: number) => Promise<number>;
  /** Sizes of the checkpoints in the file whose signature is right. */
  readonly signedSizes: () => Promise<number[]>;
  readonly checkpoints: () => Promise<Checkpoint[]>;
  /** Runs statements as the owner of the database, who turns the guard of the table off. */
  readonly asOwner: (statements: string) => Promise<void>;
};

export type TestTopics = {
  readonly namespace: string;
  /** Entries in the topic, as numbers in its order. */
  readonly published: (origin: string) => number[];
  /** Notes in the topic. */
  readonly notes: (origin: string) => string[];
};

/** Creates the topics of a test file, and reads them. */
export async function openTestTopics(life: Life): Promise<TestTopics> {
  const namespace = testNamespace();
  await createTestTopics(namespace);
  const entries = life.own(
    await readTopic(addresses.kafkaBrokers, `${namespace}audit.entries`),
    (owned) => owned.close(),
  );
  const checkpoints = life.own(
    await readTopic(addresses.kafkaBrokers, `${namespace}audit.checkpoints`),
    (owned) => owned.close(),
  );
  return {
    namespace,
    published: (origin) =>
      entries.records
        .filter(({ value }) => value?.includes(origin) === true)
        .map(({ key }) => Number(key?.toString())),
    notes: (origin) =>
      checkpoints.records
        .filter(({ key }) => key?.toString() === origin)
        .map(({ value }) => value?.toString() ?? ""),
  };
}

let trails = 0;

export async function createTestTrail(life: Life, { namespace }: TestTopics): Promise<TestTrail> {
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const pool = life.own(
    createPool({ databaseUrl: database.url, applicationName: "test", maxConnections: 3, log }),
    (owned) => owned.end(),
  );
  const folder = life.own(mkdtempSync(join(tmpdir(), "fiberstream-auditor-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const origin = `trail-${++trails}.example/audit`;
  const signingKeyFile = join(folder, "key.pem");
  const checkpointFile = join(folder, "checkpoints.jsonl");
  const keys = (): VerifierKey[] => verifierKeysOf(readFileSync(`${signingKeyFile}.pub`, "utf8"));
  const checkpoints = async () => {
    const notes = (await readCheckpointFile(checkpointFile)) ?? [];
    return notes.map((note) => {
      const reading = readCheckpoint(note, { origin, keys: keys() });
      if (reading.kind !== "checkpoint") throw new Error(JSON.stringify(reading));
      return reading.checkpoint;
    });
  };
  return {
    pool,
    databaseUrl: database.url,
    origin,
    checkpointFile,
    publicKey: () => readFileSync(`${signingKeyFile}.pub`, "utf8"),
    startAuditor: async (environment = {}, options = {}) =>
      life.own(
        await startService(
          "auditor",
          {
            NAMESPACE: namespace,
            DATABASE_URL: database.url,
            AUDIT_ORIGIN: origin,
            AUDIT_SIGNING_KEY_FILE: signingKeyFile,
            AUDIT_CHECKPOINT_FILE: checkpointFile,
            AUDIT_CHECKPOINT_INTERVAL_MS: "1",
            ...environment,
          },
          options,
        ),
        (owned) => owned.kill(),
      ),
    append: async (entries) => {
      await query(
        pool,
        "SELECT audit_append('test.done', 'test', 'number ' || n) FROM generate_series(1, $1) AS n",
        [entries],
      );
      return headSeq(pool);
    },
    checkpoints,
    signedSizes: async () => (await checkpoints()).map(({ size }) => size),
    asOwner: async (statements) => {
      await query(
        pool,
        `ALTER TABLE audit_log DISABLE TRIGGER audit_append_only; ${statements};
         ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_append_only`,
      );
    },
  };
}

const log = createLog({ service: "test", level: "silent", format: "json" });

export async function headSeq(pool: PgPool): Promise<number> {
  const [row] = await query<{ seq: string }>(pool, "SELECT seq FROM audit_head");
  return Number(row?.seq ?? 0);
}

/** Waits until the newest checkpoint has signed so many entries. */
export const untilSigned = (trail: TestTrail, size: number) =>
  until(async () => (await trail.signedSizes()).at(-1) === size, {
    what: `a checkpoint of ${size} entries`,
  });

/** Waits until an auditor reports a broken trail, and returns the guard and the reason of its check. */
export async function untilBroken(auditor: RunningService): Promise<string> {
  return until(
    async () => {
      const answer = await fetch(`${auditor.adminUrl}/readyz`);
      const { checks } = (await answer.json()) as {
        checks: Record<string, { reason?: string } | undefined>;
      };
      const reason = checks["trail"]?.reason ?? "";
      return reason.startsWith("the audit trail is broken") ? reason : undefined;
    },
    { what: "the auditor finds the trail broken" },
  );
}

export const metricsOf = async ({ adminUrl }: RunningService): Promise<string> =>
  (await fetch(`${adminUrl}/metrics`)).text();

export const isLeading = async (auditor: RunningService): Promise<boolean> =>
  /^fiberstream_auditor_leads 1$/m.test(await metricsOf(auditor));

/** Changes text in all entries and computes all hashes again, as the owner of the database can. */
export const REBUILD_CHAIN = `
  DO $$
  DECLARE
    one record;
    forged bytea;
    last bytea := decode(repeat('00', 32), 'hex');
  BEGIN
    FOR one IN SELECT seq, entry FROM audit_log ORDER BY seq LOOP
      forged := convert_to(replace(convert_from(one.entry, 'UTF8'), 'number 2', 'number 3'), 'UTF8');
      UPDATE audit_log SET entry = forged, prev_hash = last, hash = sha256('\\x00'::bytea || last || forged)
      WHERE seq = one.seq;
      last := sha256('\\x00'::bytea || last || forged);
    END LOOP;
  END
  $$`;
