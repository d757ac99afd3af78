import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { IMAGES } from "./images.ts";

type ComposeFile = {
  services: Record<string, { image: string; ports?: string[]; healthcheck?: object }>;
};
const file = new URL("../../../docker-compose.yml", import.meta.url);
const { services } = parse(readFileSync(file, "utf8"), { merge: true }) as ComposeFile;

describe("docker-compose.yml", () => {
  it.each(Object.entries(IMAGES))(
    "runs the %s that tests run, with a health check",
    (name, image) => {
      expect(services[name]).toMatchObject({ image, healthcheck: { test: expect.anything() } });
    },
  );

  it("publishes every port on the loopback interface only", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).not.toHaveLength(0);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });
});
