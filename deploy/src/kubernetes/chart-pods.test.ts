import { postgresSettings } from "@fiberstream/postgres/settings";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { readSettings, type Settings } from "@fiberstream/runtime/settings";
import { expect, it } from "@jest/globals";
import { gatewaySettings } from "@fiberstream/ingest-gateway/settings";
import { sinkSettings } from "@fiberstream/sink-writer/settings";
import { processorSettings } from "@fiberstream/stream-processor/settings";
import { auditorSettings } from "@fiberstream/auditor/settings";
import { consoleSettings } from "@fiberstream/console/settings";
import { retentionSettings } from "@fiberstream/provisioning/retention-settings";
import { accountSettings } from "@fiberstream/provisioning/service-accounts";
import {
  CASES,
  type CaseName,
  type Container,
  containersOf,
  ofKind,
  podsOf,
} from "./chart-cases.ts";
import { describeChart, renderCase } from "./chart-fixture.ts";

const SETTINGS: Readonly<Record<string, Settings>> = {
  "ingest-gateway": gatewaySettings,
  "stream-processor": processorSettings,
  "sink-writer": sinkSettings,
  console: consoleSettings,
  auditor: auditorSettings,
  migrate: { ...postgresSettings(), ...retentionSettings(), ...accountSettings() },
  topics: kafkaSettings(),
};
/** Both deploy steps get the same settings, and each reads its own. */
const ALL = new Set(Object.values(SETTINGS).flatMap((each) => Object.values(each).map(variableOf)));
const NAMES = Object.keys(CASES) as CaseName[];

function variableOf({ variable }: { variable: string }): string {
  return variable;
}
const ours = (containers: readonly Container[]) =>
  containers.filter(({ image }) => image.includes("fiberstream/"));

describeChart("the chart's pods", () => {
  it.each(NAMES)("run without privileges that they do not need: %s", async (name) => {
    const pods = podsOf((await renderCase(name)).objects);
    expect(pods.length).toBeGreaterThanOrEqual(4);
    for (const pod of pods) {
      expect(pod.spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      });
      for (const container of containersOf(pod)) {
        expect(container).toMatchObject({
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          resources: {
            requests: { cpu: expect.any(String), memory: expect.any(String) },
            limits: { memory: expect.any(String) },
          },
        });
        const volumes = pod.spec.volumes?.map((volume) => volume.name) ?? [];
        const claims = pod.owner.kind === "StatefulSet" ? ["data"] : [];
        for (const mount of container.volumeMounts ?? []) {
          expect([...volumes, ...claims]).toContain(mount.name);
        }
      }
    }
  });

  it.each(NAMES)(
    "get only settings that exist, with values that the services accept: %s",
    async (name) => {
      const containers = podsOf((await renderCase(name)).objects).flatMap(containersOf);
      expect(ours(containers)).toHaveLength(7);
      for (const container of ours(containers)) {
        const environment: Record<string, string> = {};
        const files: string[] = [];
        for (const { name: variable, value = "" } of container.env ?? []) {
          const named = ALL.has(variable) ? variable : variable.replace(/_FILE$/, "");
          expect([...ALL]).toContain(named);
          // The content of a file is known only in the cluster.
          if (named === variable) environment[variable] = value;
          if (named !== variable || variable.endsWith("_LOCATION")) files.push(value);
        }
        const mounts = container.volumeMounts?.map(({ mountPath }) => `${mountPath}/`) ?? [];
        expect(files.filter((file) => !mounts.some((mount) => file.startsWith(mount)))).toEqual([]);
        expect(() => readSettings(SETTINGS[container.name] ?? {}, environment)).not.toThrow();
      }
    },
  );

  it.each(NAMES)("of services have their probes on the admin port: %s", async (name) => {
    const { objects } = await renderCase(name);
    for (const pod of podsOf(ofKind(objects, "Deployment"))) {
      const [service] = ours(pod.spec.containers);
      if (service === undefined) continue;
      const get = (path: string) => ({ httpGet: { path, port: "admin" } });
      expect(service).toMatchObject({
        startupProbe: get("/livez"),
        livenessProbe: get("/livez"),
        readinessProbe: get("/readyz"),
      });
      const admin = service.ports?.find((port) => port.name === "admin");
      const adminPort = service.env?.find((each) => each.name === "ADMIN_PORT")?.value;
      expect(String(admin?.containerPort)).toBe(adminPort);
      // Kubernetes waits longer than the service's own shutdown timeout plus the gateway's 5 s before it.
      const timeoutMs = service.env?.find((each) => each.name === "SHUTDOWN_TIMEOUT_MS")?.value;
      expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(timeoutMs) / 1_000 + 5);
      expect(pod.owner.spec).toMatchObject({
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      });
      expect(pod.spec).toMatchObject({
        topologySpreadConstraints: [
          { topologyKey: "topology.kubernetes.io/zone" },
          { topologyKey: "kubernetes.io/hostname" },
        ],
      });
    }
  });

  it("migrate, then create topics, before the services if all backing services exist already", async () => {
    const jobOf = async (name: CaseName) => podsOf(ofKind((await renderCase(name)).objects, "Job"));
    for (const name of NAMES) {
      const [job] = await jobOf(name);
      expect(job && containersOf(job).map(({ command }) => command)).toEqual([
        ["node", "deploy/src/migrate.ts"],
        ["node", "deploy/src/topics.ts"],
      ]);
      const hook = job?.owner.metadata.annotations?.["helm.sh/hook"];
      // No hook if the chart installs backing services: the hook would wait for them before they are created.
      expect(hook).toBe(
        name === "everything in the cluster" ? undefined : "pre-install,pre-upgrade",
      );
    }
  });
});
