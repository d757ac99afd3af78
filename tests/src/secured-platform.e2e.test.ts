import { randomUUID } from "node:crypto";
import { consume } from "@fiberstream/client";
import { connectProducer } from "@fiberstream/kafka/producer";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { TopicName } from "@fiberstream/schemas/topics";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Environment, runProgram } from "./platform/run-program.ts";
import { runsNatively } from "./platform/runs-natively.ts";
import {
  SECRETS,
  type SecuredBackingServices,
  startSecuredBackingServices,
} from "./secured/secured-backing-services.ts";
import { securedSettings, type Who } from "./secured/secured-settings.ts";
import {
  clientsOf,
  readFrom,
  withDatabase,
  withRedis,
  writeTo,
} from "./secured/secured-clients.ts";
import { teamCluster } from "./secured/team-cluster.ts";
import { eventOf } from "./platform/send.ts";

const SERVICES = [
  "ingest-gateway",
  "stream-processor",
  "sink-writer",
  "console",
  "auditor",
] as const;
const namespace = testNamespace();
const topic = (name: TopicName) => topicIn(namespace, name);

let life: Life;
let backingServices: SecuredBackingServices;
let settings: Readonly<Record<Who, Environment>>;
let services: RunningService[];
let token: string;

const describeNatively = runsNatively ? describe : describe.skip;

describeNatively("on backing services with authentication", () => {
  beforeAll(async () => {
    life = createLife();
    backingServices = life.own(await startSecuredBackingServices(namespace), (owned) =>
      owned.remove(),
    );
    settings = securedSettings(backingServices, namespace);
    await Promise.all([
      deploy("topics", settings.admin),
      deploy("acls", settings.admin),
      deploy("migrate", {
        ...settings.admin,
        GATEWAY_DATABASE_PASSWORD: SECRETS.databaseGateway,
        PROCESSOR_DATABASE_PASSWORD: SECRETS.databaseProcessor,
        SINK_DATABASE_PASSWORD: SECRETS.databaseSink,
        CONSOLE_DATABASE_PASSWORD: SECRETS.databaseConsole,
        AUDITOR_DATABASE_PASSWORD: SECRETS.databaseAuditor,
      }),
    ]);
    services = await Promise.all(
      SERVICES.map(async (name) =>
        life.own(
          await startService(name, { ...settings[name], LOG_LEVEL: "trace" }),
          async (owned) => void (await owned.stop()),
        ),
      ),
    );
    const created = await runProgram("packages/cli/src/main.ts", settings.admin, {
      parameters: ["keys", "create", "--tenant", "acme", "--nodes", "*", "--json"],
    });
    ({ token } = JSON.parse(created) as { token: string });
  }, 180_000);
  afterAll(() => life.stop());

  /** Sends one event of a node, as a batch with an X-Batch-ID. */
  const post = (nodeId: string) =>
    fetch(`${services[0]?.url}/api/ingest`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
        "x-batch-id": randomUUID(),
      },
      body: JSON.stringify({ metrics: [eventOf(nodeId)] }),
    });

  it("the processor has the permission to read the brokers' disk usage", async () => {
    const metrics = async () => (await fetch(`${services[1]?.adminUrl}/metrics`)).text();
    await until(async () => (await metrics()).includes('kafka_disk_free_bytes{broker="'), {
      what: "the metrics contain the disks",
    });
  });

  it("an event gets from its POST to its row with the permissions of each service", async () => {
    const nodeId = randomUUID();
    const answer = await post(nodeId);
    expect(answer.status).toBe(202);
    // This header is set only if Redis did not answer.
    expect(answer.headers.get("idempotent-protection")).toBeNull();

    await withDatabase(settings.admin, async (client) => {
      const row = await until(
        async () => {
          const { rows } = await client.query<{ tenant: string; status: string }>(
            "SELECT metrics.tenant, status FROM metrics JOIN nodes USING (node_id) WHERE node_id = $1",
            [nodeId],
          );
          return rows[0];
        },
        { what: "the event is a row" },
      );
      expect(row).toEqual({ tenant: "acme", status: "reporting" });
      await until(
        async () => {
          const { rowCount } = await client.query(
            "SELECT FROM nodes WHERE published_revision = revision",
          );
          return rowCount === 1;
        },
        { what: "the node is published" },
      );
    });
    await withRedis(settings["stream-processor"], async (client) => {
      const key = `${namespace}node:${nodeId}`;
      await until(() => client.get(key), { what: "the node is cached" });
    });
    expect(backingServices.tokens.given()).toBeGreaterThan(0);
  });

  it("a data team reads it with the typed client, in its own group", async () => {
    const nodeId = randomUUID();
    expect((await post(nodeId)).status).toBe(202);
    const cluster = teamCluster(settings["data-team"]);
    const group = `${namespace}data-team-tests`;
    const nodes: string[] = [];
    for await (const { value } of consume({ cluster, topic: "probe.metrics.enriched", group })) {
      nodes.push(value.node_id);
      if (value.node_id === nodeId) break;
    }
    expect(nodes).toContain(nodeId);
    const others = consume({ cluster, topic: "probe.metrics.enriched", group: "sink-writer" });
    await expect(others.next()).rejects.toThrow(
      /GROUP_AUTHORIZATION_FAILED.*Grant this user access to the consumer group/,
    );
  });

  it("a person reads it from the console with a reader key, and edits its node", async () => {
    const nodeId = randomUUID();
    expect((await post(nodeId)).status).toBe(202);
    const created = await runProgram("packages/cli/src/main.ts", settings.admin, {
      parameters: ["readers", "create", "--may-change-nodes", "--json"],
    });
    const { token: readerToken } = JSON.parse(created) as { token: string };
    const ask = (path: string) =>
      fetch(`${services[3]?.url}${path}`, { headers: { authorization: `Bearer ${readerToken}` } });
    await until(
      async () => {
        const { data } = (await (await ask(`/api/metrics?node_id=${nodeId}`)).json()) as {
          data: { count: number };
        };
        return data.count === 1;
      },
      { what: "the console answers with the event" },
    );
    const { data: node } = (await (await ask(`/api/v1/nodes/${nodeId}`)).json()) as {
      data: { revision: number };
    };
    const changed = await fetch(`${services[3]?.url}/api/v1/nodes/${nodeId}`, {
      method: "PATCH",
      headers: {
        authorization: `Bearer ${readerToken}`,
        "content-type": "application/json",
        "if-match": `"${node.revision}"`,
      },
      body: JSON.stringify({ display_name: "Airport" }),
    });
    expect(changed.status).toBe(200);
    const asSender = await fetch(`${services[3]?.url}/api/v1/nodes`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(asSender.status).toBe(401);
  });

  it("the console sends a dead letter back to where it came from", async () => {
    const producer = await connectProducer(clientsOf(settings["stream-processor"]));
    const origin = {
      "__connect.errors.topic": topic("probe.metrics.raw"),
      "__connect.errors.partition": "0",
      "__connect.errors.offset": "0",
      "fiber.dlq.failed-at": new Date(Date.now() - 60_000).toISOString(),
      "fiber.dlq.failure-class": "too-old",
    };
    const letter = { key: "a node", value: Buffer.from("no event"), headers: origin };
    await producer.send(topic("probe.metrics.dead-letter"), [letter]);
    await producer.close();
    const created = await runProgram("packages/cli/src/main.ts", settings.admin, {
      parameters: ["readers", "create", "--may-redrive", "--json"],
    });
    const { token: readerToken } = JSON.parse(created) as { token: string };
    const headers = {
      authorization: `Bearer ${readerToken}`,
      "content-type": "application/json",
    };
    const begun = await fetch(`${services[3]?.url}/api/v1/dead-letters/redrive`, {
      method: "POST",
      headers,
      body: JSON.stringify({ filter: { reason: "too-old" }, dry_run: false }),
    });
    expect(begun.status).toBe(202);
    const path = begun.headers.get("location") ?? "";
    await until(
      async () => {
        const answer = await fetch(`${services[3]?.url}${path}`, { headers });
        const { data } = (await answer.json()) as {
          data: { state: string; result: { redriven: number } | null };
        };
        return data.state === "succeeded" && data.result?.redriven === 1;
      },
      { what: "it was sent" },
    );
  });

  it("running the deploy steps again changes nothing", async () => {
    const [acls, topics] = await Promise.all([
      deploy("acls", settings.admin),
      deploy("topics", settings.admin),
    ]);
    expect(acls).toBe("all ACLs exist already\n");
    expect(topics).toBe("topics and schemas are up to date\n");
  });

  it.each<[Who, "read" | "write", TopicName, boolean]>([
    ["ingest-gateway", "read", "probe.metrics.raw", false],
    ["ingest-gateway", "write", "probe.metrics.enriched", false],
    ["stream-processor", "write", "probe.metrics.raw", false],
    ["stream-processor", "read", "probe.metrics.dead-letter", false],
    ["sink-writer", "write", "probe.metrics.raw", false],
    ["sink-writer", "write", "probe.metrics.enriched", false],
    ["sink-writer", "read", "probe.nodes", false],
    ["console", "read", "probe.metrics.dead-letter", true],
    // It sends dead letters back to where they came from, and nothing anywhere else.
    ["console", "write", "probe.metrics.raw", true],
    ["console", "write", "probe.metrics.dead-letter", false],
    ["console", "write", "probe.alerts", false],
    ["console", "write", "probe.nodes", false],
    ["console", "write", "audit.entries", false],
    ["console", "write", "audit.checkpoints", false],
    ["operator", "read", "audit.checkpoints", true],
    ["operator", "write", "audit.entries", false],
    ["operator", "write", "audit.checkpoints", false],
    ["auditor", "write", "audit.checkpoints", true],
    ["auditor", "read", "audit.entries", true],
    ["auditor", "read", "probe.nodes", false],
    ["data-team", "read", "probe.metrics.enriched", true],
    ["data-team", "read", "probe.metrics.raw", false],
    ["data-team", "write", "probe.metrics.enriched", false],
    ["operator", "read", "probe.metrics.dead-letter", true],
    ["operator", "write", "probe.alerts", false],
  ])("Kafka lets %s %s %s: %s", async (who, action, name, isAllowed) => {
    const { kafka } = clientsOf(settings[who]);
    const attempt = action === "read" ? readFrom(kafka, topic(name)) : writeTo(kafka, topic(name));
    if (isAllowed) await attempt;
    else
      await expect(attempt).rejects.toThrow(
        /^Kafka rejects the request: .*\. Grant this user access to the topic$/,
      );
  });

  it.each<[(typeof SERVICES)[number], string]>([
    ["ingest-gateway", "SELECT FROM metrics"],
    ["ingest-gateway", "UPDATE api_keys SET revoked_at = NULL"],
    ["ingest-gateway", "SELECT FROM nodes"],
    ["stream-processor", "SELECT FROM metrics"],
    ["stream-processor", "SELECT FROM api_keys"],
    ["stream-processor", "UPDATE nodes SET status = 'deleted'"],
    ["sink-writer", "SELECT FROM api_keys"],
    ["sink-writer", "DELETE FROM metrics"],
    ["sink-writer", "UPDATE nodes SET node_name = 'other'"],
    ["sink-writer", "SELECT drop_chunks('metrics', now())"],
    ["sink-writer", "UPDATE data_lifecycle SET drop_after = '1 day'"],
    ["console", "SELECT secret_sha256 FROM api_keys"],
    ["console", "UPDATE api_keys SET secret_sha256 = ''"],
    ["console", "UPDATE api_keys SET tenant = 'other'"],
    ["console", "UPDATE reader_keys SET tenant = NULL"],
    ["console", "UPDATE reader_keys SET may_redrive = true"],
    ["console", "DELETE FROM api_keys"],
    ["console", "UPDATE data_lifecycle SET drop_after = '1 day'"],
    ["console", "UPDATE audit_log SET hash = prev_hash"],
    ["console", "DELETE FROM nodes"],
    ["console", "UPDATE nodes SET node_id = 'other'"],
    ["console", "UPDATE metrics SET latency_ms = 0"],
    ["console", "INSERT INTO metric_conflicts DEFAULT VALUES"],
    ["console", "DELETE FROM jobs"],
    ["console", "UPDATE jobs SET request = '{}', created_by = 'somebody else'"],
    ["auditor", "SELECT FROM nodes"],
    ["auditor", "SELECT FROM actors"],
    ["auditor", "UPDATE audit_log SET hash = prev_hash"],
    ["auditor", "INSERT INTO audit_log DEFAULT VALUES"],
    ["auditor", "DELETE FROM audit_published"],
    ["auditor", "SELECT audit_append('a', 'b', 'c')"],
  ])("PostgreSQL refuses %s: %s", async (who, statement) => {
    await withDatabase(settings[who], async (client) => {
      await expect(client.query(statement)).rejects.toMatchObject({ code: "42501" });
    });
  });

  it("Redis allows each service only its own keys", async () => {
    await withRedis(settings["ingest-gateway"], async (client) => {
      expect(await client.get(`${namespace}api-key:none`)).toBeNull();
      const nonce = `${namespace}nonce:key:any`;
      const once = { condition: "NX", expiration: { type: "PX", value: 1_000 } } as const;
      expect(await client.set(nonce, "", once)).toBe("OK");
      await expect(client.get(`${namespace}node:any`)).rejects.toThrow("NOPERM");
    });
    await withRedis(settings["stream-processor"], async (client) => {
      await expect(client.get(`${namespace}api-key:any`)).rejects.toThrow("NOPERM");
      await expect(client.eval("return redis.call('FLUSHALL')")).rejects.toThrow();
    });
  });

  it("rejected credentials are fatal, with advice; an unknown certificate authority is retried", async () => {
    const gateway = settings["ingest-gateway"];
    const kafkaOf = (more: Environment) =>
      connectProducer(clientsOf({ ...gateway, ...more })).then((producer) => producer.close());
    await expect(kafkaOf({ KAFKA_SASL_PASSWORD: "another" })).rejects.toThrow(
      /Check the credentials/,
    );
    await expect(kafkaOf({ KAFKA_SSL_CA_LOCATION: "" })).rejects.toMatchObject({
      name: "TransientError",
      message: expect.stringMatching(/certificate/) as unknown,
    });

    const idOf = (more: Environment) =>
      clientsOf({ ...gateway, ...more }).registry.idOf(
        `${topic("probe.metrics.raw")}-value`,
        readAvroSchema("ProbeMetric"),
      );
    await expect(
      idOf({ SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: "fiberstream:another" }),
    ).rejects.toThrow(/status 401.*SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO/);
    await expect(idOf({ SCHEMA_REGISTRY_SSL_CA_LOCATION: "" })).rejects.toMatchObject({
      name: "TransientError",
      message: expect.stringMatching(/certificate/) as unknown,
    });

    const { DATABASE_URL = "" } = gateway;
    const untrusted = new URL(DATABASE_URL);
    untrusted.searchParams.delete("sslrootcert");
    await expect(withDatabase({ DATABASE_URL: untrusted.href }, nothing)).rejects.toThrow(
      /certificate/,
    );
    const plain = new URL(DATABASE_URL);
    plain.search = "?sslmode=disable";
    await expect(withDatabase({ DATABASE_URL: plain.href }, nothing)).rejects.toMatchObject({
      code: "28000",
    });
  });

  it("after a broker has died and restarted, all services log in again", async () => {
    await backingServices.restartKafka();
    const nodeId = randomUUID();
    const isAccepted = async () => (await post(nodeId)).status === 202;
    await until(isAccepted, { what: "an event is accepted again", timeoutMs: 60_000 });
    await withDatabase(settings.admin, async (client) => {
      // An event without a 202 may exist, too.
      const isRow = async () =>
        (await client.query("SELECT FROM metrics WHERE node_id = $1", [nodeId])).rowCount !== 0;
      await until(isRow, { what: "the event is a row", timeoutMs: 60_000 });
    });
  }, 180_000);

  it("no service has used a permission that it does not have", () => {
    for (const service of services) {
      expect(service.logs()).not.toMatch(
        /permission denied|not authorized|AUTHORIZATION_FAILED|NOPERM/i,
      );
    }
  });

  it("no secret is in a log, also at the most detailed level", () => {
    for (const service of services) {
      const told = Object.values(SECRETS).filter((secret) => service.logs().includes(secret));
      expect(told).toEqual([]);
    }
  });
});

const nothing = () => Promise.resolve();

/** Runs a deploy step like an operator: with a retry if a busy broker did not answer in time. */
const deploy = (step: "topics" | "acls" | "migrate", environment: Environment) =>
  until(() => runProgram(`deploy/src/${step}.ts`, environment), {
    what: `the deploy step ${step}`,
    timeoutMs: 60_000,
  });
