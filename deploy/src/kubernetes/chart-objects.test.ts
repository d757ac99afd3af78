import { TOPICS } from "@fiberstream/schemas/topics";
import { readFileSync } from "node:fs";
import { expect, it } from "@jest/globals";
import { parse } from "yaml";
import grants from "../../kafka/acls.json" with { type: "json" };
import { CASES, type CaseName, ofKind, podsOf, selects, singleObject } from "./chart-cases.ts";
import { describeChart, renderCase, withChart } from "./chart-fixture.ts";
import type { KubernetesObject } from "./render-chart.ts";

const LONG = "this-is-a-long-release-name-for-probes-eu-west-1";
const NAMES = Object.keys(CASES) as CaseName[];
const SERVICES = ["ingest-gateway", "stream-processor", "sink-writer", "console", "auditor"];
type Selector = { matchLabels: Record<string, string> };
type Rule = { ports: { port: number | string }[]; from?: object[]; to?: object[] };

const componentOf = ({ metadata }: KubernetesObject) =>
  metadata.labels["app.kubernetes.io/component"] ?? "";
const granted = (type: string, name: string, operation: string) => ({
  resource: { type, name, patternType: "literal" },
  operations: [operation],
});
const objectsOf = async (name: CaseName) => (await renderCase(name)).objects;

describeChart("the chart's objects", () => {
  it.each(NAMES)("select pods that exist, on ports that these pods have: %s", async (name) => {
    const objects = await objectsOf(name);
    const pods = podsOf(objects);
    for (const service of ofKind(objects, "Service")) {
      const selected = pods.filter(({ labels }) =>
        selects(service.spec["selector"] as object, labels),
      );
      expect(selected).toHaveLength(1);
      const ports = selected[0]?.spec.containers.flatMap((container) => container.ports ?? []);
      for (const { targetPort } of service.spec["ports"] as { targetPort: string }[]) {
        expect(ports?.map((port) => port.name)).toContain(targetPort);
      }
    }
    const budgets = ofKind(objects, "PodDisruptionBudget");
    expect(budgets.map(componentOf).sort()).toEqual(SERVICES.toSorted());
    for (const budget of budgets) {
      const { matchLabels } = budget.spec["selector"] as Selector;
      expect(pods.filter(({ labels }) => selects(matchLabels, labels))).toHaveLength(1);
    }
  });

  it.each(NAMES)("allow only the traffic that is needed: %s", async (name) => {
    const objects = await objectsOf(name);
    const policies = ofKind(objects, "NetworkPolicy");
    if (name.endsWith("no network policies")) {
      expect(policies).toEqual([]);
      return;
    }
    const of = (component: string) => singleObject(policies, "NetworkPolicy", component).spec;
    expect(of("network")).toMatchObject({ policyTypes: ["Ingress", "Egress"] });
    expect(of("network")["ingress"]).toBeUndefined();
    const { matchLabels } = of("network")["podSelector"] as Selector;
    for (const { labels } of podsOf(objects)) expect(selects(matchLabels, labels)).toBe(true);
    const portsOf = (component: string, way: "ingress" | "egress") =>
      (of(component)[way] as Rule[]).flatMap(({ ports }) => ports.map(({ port }) => port));
    const [kafka, registry] = name === "everything in the cluster" ? [9093, 8080] : [9092, 443];
    expect(portsOf("ingest-gateway", "egress")).toEqual([kafka, registry, 6379, 5432]);
    expect(portsOf("stream-processor", "egress")).toEqual([kafka, registry, 6379, 5432]);
    expect(portsOf("sink-writer", "egress")).toEqual([kafka, registry, 5432]);
    expect(portsOf("console", "egress")).toEqual([kafka, registry, 5432]);
    expect(portsOf("auditor", "egress")).toEqual([kafka, registry, 5432]);
    expect(portsOf("deploy-steps", "egress")).toEqual([kafka, registry, 5432]);
    expect(portsOf("ingest-gateway", "ingress")).toEqual(["http", "admin"]);
    expect(portsOf("console", "ingress")).toEqual(["http", "admin"]);
    expect(portsOf("sink-writer", "ingress")).toEqual(["admin"]);
    // Only Prometheus reaches the admin port.
    const [, admin] = of("ingest-gateway")["ingress"] as Rule[];
    expect(admin?.from).toHaveLength(1);
  });

  it.each(NAMES)(
    "leave the number of pods to the autoscaler, if there is one: %s",
    async (name) => {
      const objects = await objectsOf(name);
      const scaling = new Set(
        [...ofKind(objects, "HorizontalPodAutoscaler"), ...ofKind(objects, "ScaledObject")].map(
          ({ spec }) => (spec["scaleTargetRef"] as { name: string }).name,
        ),
      );
      for (const deployment of ofKind(objects, "Deployment")) {
        const isScaled = scaling.has(deployment.metadata.name);
        expect(deployment.spec["replicas"] === undefined).toBe(isScaled);
      }
    },
  );

  it.each(["everything in the cluster", "100,000 events/s"] as const)(
    "scale on the lag of groups and topics that the services use: %s",
    async (name) => {
      const objects = await objectsOf(name);
      const scaled = ofKind(objects, "ScaledObject");
      expect(scaled.map(componentOf).sort()).toEqual(["sink-writer", "stream-processor"]);
      for (const object of scaled) {
        const [trigger] = object.spec["triggers"] as { metadata: Record<string, string> }[];
        const { consumerGroup, topic = "", bootstrapServers } = trigger?.metadata ?? {};
        expect(consumerGroup).toBe(componentOf(object));
        const { reliedOnBy, partitions } = TOPICS[topic as keyof typeof TOPICS];
        expect(reliedOnBy).toContain(componentOf(object));
        expect(object.spec["maxReplicaCount"]).toBeLessThanOrEqual(partitions);
        const pod = podsOf(objects).find(({ owner }) => componentOf(owner) === consumerGroup);
        const brokers = pod?.spec.containers[0]?.env?.find((each) => each.name === "KAFKA_BROKERS");
        expect(bootstrapServers).toBe(brokers?.value);
      }
    },
  );

  it("are scraped under the job names that the rules use, with the rules of deploy/prometheus", async () => {
    const objects = await objectsOf("everything in the cluster");
    const monitor = singleObject(objects, "ServiceMonitor").spec;
    const { matchLabels } = monitor["selector"] as Selector;
    const scraped = ofKind(objects, "Service").filter(({ metadata }) =>
      selects(matchLabels, metadata.labels),
    );
    const jobLabel = String(monitor["jobLabel"]);
    const jobs = scraped.map(({ metadata }) => metadata.labels[jobLabel]);
    expect(new Set(jobs)).toEqual(new Set(SERVICES));

    const wanted = ["alerts.yml", "recording.yml"].flatMap((file) => {
      const url = new URL(`../../prometheus/rules/${file}`, import.meta.url);
      const text = readFileSync(url, "utf8").replaceAll(
        "{{ $externalLabels.runbooks }}",
        "https://fiberstream.example/docs/runbooks",
      );
      return (parse(text) as { groups: object[] }).groups;
    });
    expect(singleObject(objects, "PrometheusRule").spec["groups"]).toEqual(wanted);
  });

  it.each([
    ["fs", "fs-fiberstream"],
    ["fiberstream", "fiberstream"],
    ["a-name-with-28-characters-00", "a-name-with-28-characters-00-fiberstream"],
    [LONG, expect.stringMatching(/^this-is-a-long-release-name-for-[0-9a-f]{8}$/)],
  ])("have names that are valid in Kubernetes for any release name: %s", async (release, name) => {
    const { values } = CASES["everything in the cluster"];
    const { objects } = await withChart({ values, release });
    // A name that becomes a label's value or part of a host name, with the suffix that controllers append.
    const spare = { StatefulSet: 11, Kafka: 16 } as Readonly<Record<string, number>>;
    const limited = objects.filter(({ kind }) => kind !== "KafkaTopic");
    const tooLong = limited.filter(
      ({ kind, metadata }) => metadata.name.length + (spare[kind] ?? 0) > 63,
    );
    expect(tooLong.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([]);
    expect(singleObject(objects, "ServiceMonitor").metadata.name).toEqual(name);
  });

  it("have different names for two releases whose names begin alike", async () => {
    const { values } = CASES["everything in the cluster"];
    const names = await Promise.all(
      [LONG, `${LONG}-2`].map(async (release) => {
        const { objects } = await withChart({ values, release });
        return singleObject(objects, "ServiceMonitor").metadata.name;
      }),
    );
    expect(new Set(names).size).toBe(2);
  });

  it.each(NAMES)("listen on IPv4 and IPv6: %s", async (name) => {
    const objects = await objectsOf(name);
    for (const service of SERVICES) {
      const pod = podsOf(objects).find(({ owner }) => componentOf(owner) === service);
      const env = pod?.spec.containers[0]?.env ?? [];
      expect(env).toContainEqual({ name: "ADMIN_HOST", value: "::" });
      if (!["ingest-gateway", "console"].includes(service)) continue;
      expect(env).toContainEqual({ name: "HOST", value: "::" });
    }
  });

  it("contain the catalogue's topics, and a Kafka user for each pod", async () => {
    const objects = await objectsOf("everything in the cluster");
    const topics = ofKind(objects, "KafkaTopic").map(({ spec }) => {
      const config = spec["config"] as Record<string, unknown>;
      return [
        spec["topicName"],
        config["cleanup.policy"],
        config["retention.ms"],
        config["message.timestamp.type"],
        config["message.timestamp.after.max.ms"],
        spec["partitions"],
      ];
    });
    expect(topics).toEqual(
      Object.entries(TOPICS).map(([topic, { cleanup, partitions, ...rest }]) => [
        topic,
        cleanup,
        "retentionMs" in rest ? rest.retentionMs : undefined,
        "timestamps" in rest ? rest.timestamps : undefined,
        "timestampsAhead" in rest ? "9223372036854775807" : undefined,
        partitions,
      ]),
    );
    const users = ofKind(objects, "KafkaUser");
    expect(users.map(componentOf).sort()).toEqual([...Object.keys(grants), "deploy-steps"].sort());
    const pods = new Set(podsOf(objects).map(({ owner }) => componentOf(owner)));
    for (const user of users.filter((each) => pods.has(componentOf(each)))) {
      const pod = podsOf(objects).find(({ owner }) => componentOf(owner) === componentOf(user));
      expect(pod?.spec.volumes).toContainEqual(
        expect.objectContaining({
          name: "kafka-user",
          secret: expect.objectContaining({ secretName: user.metadata.name }),
        }),
      );
      const variables = pod?.spec.containers[0]?.env;
      expect(variables?.find((each) => each.name === "KAFKA_SASL_USERNAME")?.value).toBe(
        user.metadata.name,
      );
    }
    expect(singleObject(objects, "KafkaUser", "sink-writer").spec["authorization"]).toEqual({
      type: "simple",
      acls: [
        granted("topic", "probe.metrics.raw", "Read"),
        granted("topic", "probe.reconciliation", "Read"),
        granted("group", "stream-processor", "Describe"),
        granted("topic", "probe.metrics.enriched", "Read"),
        granted("topic", "probe.metrics.dead-letter", "Write"),
        granted("topic", "probe.alerts", "Read"),
        granted("group", "sink-writer", "Read"),
      ],
    });
  });

  it.each([
    [{}, /kafka\.brokers/],
    [{ kafka: { brokers: "kafka" } }, /brokers/],
    [{ ...CASES["everything outside"].values, gatway: {} }, /gatway/],
    [{ ...CASES["everything outside"].values, secret: { existing: "" } }, /DATABASE_URL/],
    [{ ...CASES["everything outside"].values, settings: { LOG_LEVEL: 3 } }, /LOG_LEVEL/],
  ])("are not rendered from wrong values: %j", async (values, reason) => {
    await expect(withChart({ values })).rejects.toThrow(reason);
  });
});
