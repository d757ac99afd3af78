import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { IMAGES } from "@fiberstream/local-stack/images";

type Service = {
  image: string;
  profiles?: string[];
  ports?: string[];
  healthcheck?: { test?: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
  environment?: Record<string, string>;
  secrets?: string[];
  volumes?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  tmpfs?: string[];
  deploy?: { resources: { limits: { cpus: string; memory: string } } };
};
type ComposeFile = {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  volumes: Record<string, unknown>;
};
const root = new URL("../../../", import.meta.url);
const text = readFileSync(new URL("docker-compose.yml", root), "utf8");
const compose = parse(text, { merge: true, maxAliasCount: 200 }) as ComposeFile;
const { services } = compose;
const each = Object.entries(services);
const ours = each.filter(([, { image }]) => image.startsWith("fiberstream/"));

describe("docker-compose.yml", () => {
  it.each(Object.entries(IMAGES))(
    "runs the same image of %s as the tests, with a health check",
    (name, image) => {
      expect(services[name]).toMatchObject({ image, healthcheck: { test: expect.anything() } });
    },
  );

  it("publishes every port on the loopback interface only", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).not.toHaveLength(0);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });

  it.each(each)(
    "limits CPU and memory of %s, and forbids it to gain privileges",
    (_name, service) => {
      expect(service.deploy?.resources.limits).toEqual({
        cpus: expect.stringMatching(/^\d$/),
        memory: expect.stringMatching(/^\d+[MG]$/),
      });
      expect(service.security_opt).toEqual(["no-new-privileges:true"]);
      expect(service.image).toMatch(/^fiberstream\/|:v?\d+\.\d+\.\d+/);
    },
  );

  it.each(ours)("lets %s write only to /tmp, and gives it no capability", (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      tmpfs: [expect.stringMatching(/^\/tmp:/)],
    });
  });

  it("waits until a dependency is healthy, if it has a health check", () => {
    for (const [name, { depends_on: waits = {} }] of each) {
      for (const [on, { condition }] of Object.entries(waits)) {
        const isStep = services[on]?.healthcheck?.disable === true;
        const wanted = isStep ? "service_completed_successfully" : "service_healthy";
        expect({ name, on, condition }).toEqual({ name, on, condition: wanted });
      }
    }
  });

  it("contains no password, takes secrets from files that exist, and declares its volumes", () => {
    expect(text).not.toMatch(/PASSWORD: |:postgres@/);
    for (const [, service] of each) {
      for (const secret of service.secrets ?? []) {
        const file = compose.secrets[secret]?.file.replace(/\$\{SECRETS_DIR:-(.+)\}/, "$1") ?? "";
        expect({ file, exists: existsSync(new URL(file, root)) }).toEqual({ file, exists: true });
      }
      for (const volume of service.volumes ?? []) {
        const source = volume.replace(/^\$\{\w+:-(.+?)\}/, "$1").split(":")[0] ?? "";
        if (source.startsWith("/")) continue;
        const isThere = source.startsWith(".")
          ? existsSync(new URL(source, root))
          : source in compose.volumes;
        expect({ source, isThere }).toEqual({ source, isThere: true });
      }
    }
  });

  it("lets Grafana only read the database", () => {
    const { grafana, migrate } = services;
    expect(grafana?.environment?.["GRAFANA_DATABASE_USER"]).toBe("fiberstream_reader");
    expect(grafana?.secrets).toEqual(["reader-password"]);
    expect(migrate?.environment?.["READER_DATABASE_PASSWORD_FILE"]).toBe(
      "/run/secrets/reader-password",
    );
    expect(migrate?.secrets).toContain("reader-password");
  });

  it("starts the core without a profile, and monitoring and logs with their profiles", () => {
    const inProfile = (profile: string | undefined) =>
      each.filter(([, { profiles }]) => profiles?.[0] === profile).map(([name]) => name);
    expect(inProfile("observability")).toEqual(["prometheus", "grafana", "jaeger"]);
    expect(inProfile("logs")).toEqual(["elasticsearch", "kibana", "filebeat"]);
    expect(inProfile(undefined)).toEqual(expect.arrayContaining(ours.map(([name]) => name)));
  });
});
