import type { KubernetesObject } from "./render-chart.ts";

const outside = {
  kafka: { brokers: "kafka-1:9092,kafka-2:9092" },
  registry: { url: "https://registry/apis/ccompat/v7" },
};
const scaled = { autoscaling: { enabled: true } };

/** The installations that the tests render. */
export const CASES = {
  "everything outside": {
    values: { ...outside, secret: { existing: "fiberstream-settings" } },
    valuesFiles: [],
  },
  "secrets from the values, NAMESPACE, no network policies": {
    values: {
      ...outside,
      namespacePrefix: "eu.",
      secret: {
        values: {
          DATABASE_URL: "postgresql://u:p@db/x",
          REDIS_URL: "redis://r:6379",
          AUDIT_SIGNING_KEY: "a key in PEM",
        },
      },
      auditor: { checkpoints: { claim: "checkpoints" } },
      networkPolicy: { enabled: false },
      gateway: { ingress: { enabled: true, host: "probes.example", tlsSecret: "probes-tls" } },
    },
    valuesFiles: [],
  },
  "everything in the cluster": {
    values: {
      kafka: { strimzi: { enabled: true } },
      registry: { inCluster: { enabled: true } },
      redis: { inCluster: { enabled: true } },
      database: { inCluster: { enabled: true } },
      secret: {
        values: {
          POSTGRES_PASSWORD: "a b/c",
          SCHEMA_REGISTRY_PASSWORD: "registry-secret",
          AUDIT_SIGNING_KEY: "a key in PEM",
        },
      },
      processor: scaled,
      sink: scaled,
      monitoring: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true } },
    },
    valuesFiles: [],
  },
  "100,000 events/s": {
    values: { ...outside, secret: { existing: "fiberstream-settings" } },
    valuesFiles: ["values-100k.yaml"],
  },
  "a secured Kafka, a role for each service": {
    values: {
      ...outside,
      certificates: { existing: "kafka-certificates" },
      settings: {
        KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
        KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
        KAFKA_SSL_CA_LOCATION: "/etc/fiberstream/certificates/ca.crt",
      },
      ...Object.fromEntries(
        ["gateway", "processor", "sink", "console", "auditor", "deploySteps"].map((component) => [
          component,
          {
            secret: `fiberstream-${component.toLowerCase()}`,
            settings: { KAFKA_SASL_USERNAME: component },
            secretSettings: [
              "DATABASE_URL",
              "KAFKA_SASL_PASSWORD",
              ...(component === "auditor" ? ["AUDIT_SIGNING_KEY"] : []),
              ...(["gateway", "processor"].includes(component) ? ["REDIS_URL"] : []),
              // The deploy step sets the passwords of the roles.
              ...(component === "deploySteps" ? ["GATEWAY_DATABASE_PASSWORD"] : []),
            ],
          },
        ]),
      ),
    },
    valuesFiles: [],
  },
} as const;

export type CaseName = keyof typeof CASES;

export type Container = {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly resources: { readonly requests?: object; readonly limits?: object };
};
export type Pod = {
  readonly owner: KubernetesObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: {
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes?: readonly { readonly name: string }[];
    readonly terminationGracePeriodSeconds?: number;
  };
};

/** The pods of the rendered objects, with the object that creates each. */
export const podsOf = (objects: readonly KubernetesObject[]): Pod[] =>
  objects
    .filter(({ kind }) => ["Deployment", "StatefulSet", "Job"].includes(kind))
    .map((owner) => {
      const { metadata, spec } = owner.spec["template"] as {
        metadata: { labels: Record<string, string> };
        spec: Pod["spec"];
      };
      return { owner, labels: metadata.labels, spec };
    });

export const containersOf = ({ spec }: Pod): Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
];

export const ofKind = (objects: readonly KubernetesObject[], kind: string): KubernetesObject[] =>
  objects.filter((object) => object.kind === kind);

/** @throws when the objects contain none of this kind, or more than one */
export function singleObject(
  objects: readonly KubernetesObject[],
  kind: string,
  component?: string,
): KubernetesObject {
  const [found, ...more] = ofKind(objects, kind).filter(
    ({ metadata }) =>
      component === undefined || metadata.labels["app.kubernetes.io/component"] === component,
  );
  if (found === undefined || more.length > 0)
    throw new Error(`expected exactly one ${kind} ${component ?? ""}`);
  return found;
}

/** Returns whether an object has all labels of a selector. */
export const selects = (selector: object, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);
