import { deployTopics } from "@fiberstream/provisioning/topics";
import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createPlacedTopics } from "@fiberstream/testkit/placed-topics";
import { startPrivateCluster } from "@fiberstream/testkit/private-cluster";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const PARTITIONS = 12;
const BROKERS = 3;
const FROZEN = 3;
const PRODUCE_MAX_WAIT_MS = 3_000;

let life: Life;
let namespace: string;
let cluster: Awaited<ReturnType<typeof startPrivateCluster>>;
let gateway: RunningService;

/** Broker 1 has partitions 0, 3, …, 2 has 1, 4, …, and each of them one replica: nobody waits for a follower. */
beforeEach(async () => {
  life = createLife();
  namespace = testNamespace();
  cluster = life.own(await startPrivateCluster(), (owned) => owned.remove());
  const brokers = cluster.addresses;
  const places = Array.from({ length: PARTITIONS }, (_, partition) => [1 + (partition % BROKERS)]);
  const topics = { [topicIn(namespace, "probe.metrics.raw")]: places };
  await createPlacedTopics({ brokers, topics });
  const { schemaRegistryUrl } = addresses;
  await deployTopics({ brokers, schemaRegistryUrl, namespace, log, print: () => undefined });
  gateway = life.own(
    await startService("ingest-gateway", {
      NAMESPACE: namespace,
      KAFKA_BROKERS: brokers.join(","),
      DEPENDENCY_CHECK_INTERVAL_MS: "200",
      PRODUCE_MAX_WAIT_MS: String(PRODUCE_MAX_WAIT_MS),
    }),
    (owned) => owned.kill(),
  );
}, 180_000);
afterEach(() => life.stop());

const brokerOf = (node: string) => 1 + (partitionOfKey(Buffer.from(node), PARTITIONS) % BROKERS);
const post = async (path: string, body: unknown) => {
  const begunMs = performance.now();
  const response = await fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  return { status: response.status, answer, tookMs: performance.now() - begunMs };
};

type Sent = { readonly node: string; readonly status: number; readonly tookMs: number };

/** Posts events one after the other, of nodes whose partitions some broker leads, until told to end. */
function startSender(name: string, isTheirs: (broker: number) => boolean) {
  const sent: Sent[] = [];
  const over = new AbortController();
  const run = async () => {
    for (let number = 0; !over.signal.aborted; number++) {
      const node = `${name}-${number}`;
      if (!isTheirs(brokerOf(node))) continue;
      const { status, tookMs } = await post("/api/push", exampleEvent({ node_id: node }));
      sent.push({ node, status, tookMs });
    }
  };
  const ended = run();
  return {
    sent,
    end: () => {
      over.abort();
      return ended;
    },
  };
}
const p99Of = (sent: readonly Sent[]) =>
  sent.map(({ tookMs }) => tookMs).toSorted((one, other) => one - other)[
    Math.floor(sent.length * 0.99)
  ] ?? 0;

it("delays only the events of a hanging broker's own partitions", async () => {
  const others = Array.from({ length: 6 }, (_, number) =>
    startSender(`other-${number}`, (broker) => broker !== FROZEN),
  );
  const struck = Array.from({ length: 6 }, (_, number) =>
    startSender(`struck-${number}`, (broker) => broker === FROZEN),
  );
  const countOf = (senders: typeof others) =>
    senders.reduce((sum, { sent }) => sum + sent.length, 0);
  await until(() => countOf(others) > 300 && countOf(struck) > 300, { what: "events are sent" });

  await cluster.broker(FROZEN).freeze();
  const before = others.map(({ sent }) => sent.length);
  const refused = () => struck.flatMap(({ sent }) => sent.filter(({ status }) => status === 503));
  const metrics = async () => (await fetch(`${gateway.adminUrl}/metrics`)).text();
  // Until the cluster notices, too: its partitions have no leader then.
  await until(
    async () => /^fiberstream_gateway_silent_leaders(\{.*\})? 1$/m.test(await metrics()),
    { what: "the gateway has noticed that one leader is silent" },
  );
  await until(() => refused().length > 50, { what: "senders to the frozen one are told 503" });
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);

  // Its events are told apart in a batch, and the rest does not wait for them.
  const nodes = Array.from({ length: 60 }, (_, number) => `batch-${number}`);
  const metricsOf = nodes.map((node_id) => exampleEvent({ node_id }));
  const { status, answer } = await post("/api/ingest", { metrics: metricsOf });
  const hung = nodes.flatMap((node, index) => (brokerOf(node) === FROZEN ? [index] : []));
  expect(status).toBe(202);
  expect(answer).toMatchObject({
    data: { accepted: nodes.length - hung.length, rejected: 0, retry: hung.length },
    results: hung.map((index) => ({ index, status: "retry", code: "KAFKA_UNAVAILABLE" })),
  });

  await until(() => refused().length > 200, { what: "more of them are told so" });
  const during = others.flatMap(({ sent }, at) => sent.slice(before[at]));
  const earlier = others.flatMap(({ sent }, at) => sent.slice(0, before[at]));
  expect(new Set(during.map((one) => one.status))).toEqual(new Set([202]));
  const longestMs = Math.max(...during.map(({ tookMs }) => tookMs));
  console.info(
    `others' p99: ${p99Of(earlier).toFixed(1)} ms before, ${p99Of(during).toFixed(1)} ms while one broker hangs (${during.length} requests, at most ${longestMs.toFixed(1)} ms)`,
  );
  // Who waits for the frozen one waits for so long, at least.
  expect(longestMs).toBeLessThan(PRODUCE_MAX_WAIT_MS);

  await cluster.broker(FROZEN).thaw();
  const acceptedOf = (senders: typeof others) =>
    senders.flatMap(({ sent }) => sent.filter((one) => one.status === 202)).map(({ node }) => node);
  const acceptedBefore = acceptedOf(struck).length;
  await until(() => acceptedOf(struck).length > acceptedBefore + 100, {
    what: "its partitions take events again",
    timeoutMs: 60_000,
  });
  await Promise.all([...others, ...struck].map((sender) => sender.end()));

  const [broker = ""] = cluster.addresses;
  const { records } = life.own(
    await readTopic(broker, topicIn(namespace, "probe.metrics.raw")),
    (owned) => owned.close(),
  );
  const accepted = [...acceptedOf(others), ...acceptedOf(struck)];
  const isMissing = () => {
    const written = new Set(records.map(({ key }) => String(key)));
    return accepted.filter((node) => !written.has(node));
  };
  await until(() => isMissing().length === 0, {
    what: "every accepted event is in Kafka",
    timeoutMs: 60_000,
  });
}, 240_000);
