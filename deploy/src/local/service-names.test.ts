import { readFileSync } from "node:fs";
import { inClone } from "@fiberstream/local-stack/in-clone";
import { SERVICE_NAMES, SERVICES } from "@fiberstream/runtime/services";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import grants from "../../kafka/acls.json" with { type: "json" };
import { aclSettings } from "../steps/acl-settings.ts";

const read = (path: string) => readFileSync(inClone(path), "utf8");

/** Files that cannot be derived from the table SERVICES have to agree with it. */
describe("the services are the same in", () => {
  it("the Compose file, each with its folder and its admin port", () => {
    const { services } = parse(read("docker-compose.yml")) as {
      services: Record<string, { image?: string; ports?: string[]; build?: { args?: object } }>;
    };
    const own = Object.entries(services).filter(([, { image = "" }]) =>
      image.startsWith("fiberstream/"),
    );
    const deploySteps = new Set(["migrate", "topics"]);
    expect(own.map(([name]) => name).filter((name) => !deploySteps.has(name))).toEqual(
      SERVICE_NAMES,
    );
    for (const [name, { adminPort }] of Object.entries(SERVICES)) {
      const published = services[name]?.ports?.join() ?? "";
      expect(published).toMatch(new RegExp(`127\\.0\\.0\\.1:\\$\\{[A-Z_]+:-${adminPort}\\}:8010`));
    }
  });

  it("Prometheus's configuration, each with its targets", () => {
    const { scrape_configs: jobs } = parse(read("deploy/prometheus/prometheus.yml")) as {
      scrape_configs: { job_name: string; file_sd_configs: unknown }[];
    };
    expect(jobs).toEqual(
      SERVICE_NAMES.map((name) => ({
        job_name: name,
        file_sd_configs: [{ files: [`targets/${name}.yml`] }],
      })),
    );
    for (const name of SERVICE_NAMES) {
      expect(parse(read(`deploy/prometheus/targets/${name}.yml`))).toEqual([
        { targets: [`${name}:8010`] },
      ]);
    }
  });

  it("the chart: a template, a component and network rules for each", () => {
    const helpers = read("deploy/kubernetes/fiberstream/templates/_helpers.tpl");
    const policies = read("deploy/kubernetes/fiberstream/templates/network-policies.yaml");
    for (const name of SERVICE_NAMES) {
      expect(read(`deploy/kubernetes/fiberstream/templates/${name}.yaml`)).not.toBe("");
      expect(helpers).toContain(`"${name}"`);
      expect(policies).toContain(`  "${name}" (list`);
    }
  });

  it("the ACLs of Kafka, and their principals", () => {
    expect(Object.keys(grants)).toEqual(expect.arrayContaining([...SERVICE_NAMES]));
    expect(Object.keys(aclSettings())).toEqual(expect.arrayContaining([...SERVICE_NAMES]));
  });

  it("the database's roles", () => {
    const roles = ["0014_service_roles", "0046_console", "0074_auditor"]
      .map((name) => read(`packages/provisioning/migrations/${name}.sql`))
      .join("\n");
    for (const { databaseRole } of Object.values(SERVICES)) expect(roles).toContain(databaseRole);
  });

  it("the logs that are shipped", () => {
    const shipped = read("deploy/logs/filebeat.yml").matchAll(/service\.name: ([a-z-]+)/g);
    expect(Array.from(shipped, ([, name]) => name)).toEqual(SERVICE_NAMES);
  });

  it("the pages: README, ARCHITECTURE, metrics", () => {
    for (const page of ["README.md", "ARCHITECTURE.md", "docs/metrics.md"]) {
      for (const name of SERVICE_NAMES) expect(read(page)).toContain(name);
    }
    const ports = Object.entries(SERVICES).map(([name, { adminPort }]) => `${name} ${adminPort}`);
    expect(read("docs/metrics.md")).toContain(ports.join(", "));
  });

  it("the project's workspaces, each with a main.ts", () => {
    const { workspaces } = JSON.parse(read("package.json")) as { workspaces: string[] };
    expect(workspaces).toEqual(expect.arrayContaining([...SERVICE_NAMES]));
    for (const name of SERVICE_NAMES) expect(read(`${name}/src/main.ts`)).not.toBe("");
  });
});
