import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

type Filebeat = {
  "filebeat.inputs": {
    paths: string[];
    processors: {
      drop_event: { when: { not: { or: { equals: Record<string, string> }[] } } };
    }[];
  }[];
  "output.elasticsearch": { hosts: string[]; index: string };
  "setup.template": { pattern: string; json: { path: string; name: string } };
};
const filebeat = parse(read("deploy/logs/filebeat.yml")) as Filebeat;
const template = JSON.parse(read("deploy/logs/index-template.json")) as {
  index_patterns: string[];
  data_stream?: object;
};
const { services } = parse(read("docker-compose.yml"), { merge: true, maxAliasCount: 200 }) as {
  services: Record<string, { image: string; volumes?: string[]; restart?: string }>;
};

describe("log shipping", () => {
  it("ships the logs of the services, and no others", () => {
    const [input] = filebeat["filebeat.inputs"];
    const names = input?.processors[0]?.drop_event.when.not.or.map(
      ({ equals }) => equals["service.name"],
    );
    // Deploy steps end by themselves; their output is for people.
    const ours = Object.entries(services).filter(
      ([, { image, restart }]) => image.startsWith("fiberstream/") && restart !== "no",
    );
    expect(names).toEqual(ours.map(([name]) => name));
  });

  it("finds its files and its host in the Compose file, and has a template for its data stream", () => {
    const volumes = services["filebeat"]?.volumes ?? [];
    const { index, hosts } = filebeat["output.elasticsearch"];
    const { pattern, json } = filebeat["setup.template"];
    expect(volumes).toContain(`./deploy/logs/index-template.json:${json.path}:ro`);
    expect(volumes).toContain("/var/lib/docker/containers:/var/lib/docker/containers:ro");
    expect(hosts.map((host) => new URL(host).hostname)).toEqual(["elasticsearch"]);
    expect(services).toHaveProperty("elasticsearch");
    expect(template.index_patterns).toEqual([pattern]);
    expect(index.startsWith(pattern.replace("*", ""))).toBe(true);
    expect(template.data_stream).toEqual({});
  });
});
