import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import type { RecordField, RecordSchema } from "@fiberstream/schemas/avro-schema";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "pg";
import { type CopiedProject, copyProject } from "./platform/copied-project.ts";
import { ROOT, runProgram } from "./platform/run-program.ts";
import { eventOf, push, pushAccepted } from "./platform/send.ts";

const FIELD: RecordField = {
  name: "unheard_of_ms",
  type: ["null", "double"],
  doc: "How much the round-trip time varies.",
  setBy: "probe",
  role: "content",
  default: null,
  unit: "ms",
  minimum: 0,
  maximum: 10_000,
  example: 1.25,
};

/** Several programs run one after the other, the compiler among them. */
const SETUP_TIMEOUT_MS = 300_000;

// The steps of CONTRIBUTING.md, "Adding a field that probes send", in a copy of the project.
let project: CopiedProject;
let database: TestDatabase;
let sql: Client;
let environment: Record<string, string>;
const services: RunningService[] = [];

beforeAll(async () => {
  project = copyProject();
  addField();
  database = await createTestDatabase();
  environment = {
    ...addressSettings(addresses),
    NAMESPACE: testNamespace(),
    DATABASE_URL: database.url,
  };
  await run("packages/cli/src/main.ts", "schemas", "release", "--note", "Adds the jitter.");
  await run("schemas/src/generate.ts");
  await run("deploy/src/migrate.ts");
  await run("deploy/src/topics.ts");
  for (const name of SERVICE_NAMES) services.push(await startInCopy(name));
  sql = new Client({ connectionString: database.url });
  await sql.connect();
}, SETUP_TIMEOUT_MS);
afterAll(async () => {
  await sql?.end();
  await Promise.all(services.map((service) => service.stop()));
  await database?.drop();
  project?.delete();
});

describe("a field that is added to the schemas, with a column", () => {
  it(
    "needs no other change: the check passes and the types fit",
    async () => {
      const said = await run("packages/cli/src/main.ts", "schemas", "check", "--offline");
      expect(said).toContain("All consumers, of any version, can still read.");
      await run("node_modules/typescript/bin/tsc", "-p", project.root);
    },
    SETUP_TIMEOUT_MS,
  );

  it("is in the client's type, in the page about HTTP and in the gateway's own description", async () => {
    expect(textOf("schemas/src/generated/records.ts")).toContain(
      "readonly unheard_of_ms?: number | null;",
    );
    expect(textOf("docs/http.md")).toMatch(
      /\| `unheard_of_ms` +\| optional number, 0 to 10000 \(ms\)/,
    );
    const described = (await (await fetch(`${gatewayUrl()}/openapi.json`)).json()) as object;
    expect(described).toMatchObject({
      components: {
        schemas: { Event: { properties: { unheard_of_ms: { minimum: 0, maximum: 10_000 } } } },
      },
    });
  });

  it("goes from the request to the row, checked by its limits", async () => {
    const nodeId = randomUUID();
    await pushAccepted(gatewayUrl(), eventOf(nodeId, { unheard_of_ms: 3.25 }));
    await pushAccepted(gatewayUrl(), eventOf(nodeId, { probe_type: "without" }));
    const refused = await push(gatewayUrl(), eventOf(nodeId, { unheard_of_ms: -1 }));
    expect(await refused.json()).toMatchObject({
      errors: [{ code: "OUT_OF_RANGE", field: "unheard_of_ms" }],
    });
    const rows = await rowsOf(nodeId, 2);
    expect(rows).toEqual([
      { probe_type: "ping", unheard_of_ms: 3.25, extra: null },
      { probe_type: "without", unheard_of_ms: null, extra: null },
    ]);
  });

  it("makes a conflict of two events that differ in nothing else, and a duplicate of two equal ones", async () => {
    const nodeId = randomUUID();
    const event = eventOf(nodeId, { unheard_of_ms: 3.25 });
    const eventId = await pushAccepted(gatewayUrl(), event);
    expect(await pushAccepted(gatewayUrl(), event)).toBe(eventId);
    expect(await pushAccepted(gatewayUrl(), { ...event, unheard_of_ms: 4 })).toBe(eventId);
    await until(async () => (await conflictsOf(nodeId)).length > 0, {
      what: "the event with another value is a conflict",
    });
    expect(await conflictsOf(nodeId)).toEqual([{ event_id: eventId, stored: 3.25, received: 4 }]);
    expect(await rowsOf(nodeId, 1)).toMatchObject([{ unheard_of_ms: 3.25 }]);
  });

  it("is sent by the simulator, which finds it in its rows", async () => {
    const options = `--url ${gatewayUrl()} --rate unlimited --events 100 --fresh-nodes --verify --json`;
    const said = await run("packages/simulator/src/main.ts", ...options.split(" "));
    const summary: unknown = JSON.parse(said);
    expect(summary).toMatchObject({ verified: { rows: 100, lost: 0, altered: 0 } });
    const { rows } = await sql.query<{ values: number }>(
      "SELECT count(DISTINCT unheard_of_ms)::int AS values FROM metrics",
    );
    expect(rows[0]?.values).toBeGreaterThan(50);
  });
});

/** Steps 1 and 5: the schemas' files and the migration. */
function addField(): void {
  const rawFields = append("ProbeMetric", Number.POSITIVE_INFINITY);
  append("EnrichedProbeMetric", rawFields);
  const folder = join(project.root, "packages/provisioning/migrations");
  const latest = Math.max(...readdirSync(folder).map((name) => Number.parseInt(name, 10)));
  writeFileSync(
    join(folder, `${String(latest + 1).padStart(4, "0")}_jitter.sql`),
    "ALTER TABLE metrics ADD COLUMN unheard_of_ms double precision;\n",
  );
}

/** @returns how many fields the schema had */
function append(name: string, at: number): number {
  const file = join(project.root, `schemas/avro/${name}.avsc`);
  const schema = JSON.parse(readFileSync(file, "utf8")) as RecordSchema;
  writeFileSync(
    file,
    JSON.stringify({ ...schema, fields: schema.fields.toSpliced(at, 0, FIELD) }, undefined, 2),
  );
  return schema.fields.length;
}

const run = (path: string, ...parameters: string[]) =>
  runProgram(path, environment, { root: project.root, parameters });

const startInCopy = (name: (typeof SERVICE_NAMES)[number]) =>
  startService(name, environment, {
    within: ([program, ...parameters]) => [
      program,
      ...parameters.map((parameter) => parameter.replace(ROOT, `${project.root}/`)),
    ],
  });

const gatewayUrl = (): string => {
  const gateway = services[SERVICE_NAMES.indexOf("ingest-gateway")];
  if (gateway === undefined) throw new Error("the gateway was not started");
  return gateway.url;
};

const textOf = (path: string): string => readFileSync(join(project.root, path), "utf8");

async function rowsOf(nodeId: string, count: number): Promise<object[]> {
  const { rows } = await until(
    async () => {
      const found = await sql.query<object>(
        "SELECT probe_type, unheard_of_ms, extra FROM metrics WHERE node_id = $1 ORDER BY probe_type",
        [nodeId],
      );
      return found.rowCount === count ? found : undefined;
    },
    { what: `there are ${count} rows` },
  );
  return rows;
}

async function conflictsOf(nodeId: string): Promise<object[]> {
  const { rows } = await sql.query<object>(
    `SELECT event_id, (stored -> 'unheard_of_ms')::float8 AS stored, (received -> 'unheard_of_ms')::float8 AS received
       FROM metric_conflicts WHERE node_id = $1`,
    [nodeId],
  );
  return rows;
}
