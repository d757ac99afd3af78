import { describe, expect, it } from "@jest/globals";
import { readSettings } from "@fiberstream/runtime/settings";
import { localSettings } from "./config.ts";
import { hostsOf } from "@fiberstream/local-stack/hosts";
import { planBackingServices } from "./backing-services.ts";
import { addressSettings } from "./services.ts";

const plan = (environment: Record<string, string>) =>
  planBackingServices(readSettings(localSettings(), environment), "native");

describe("planBackingServices", () => {
  it("starts all five backing services by default, on the ports of the settings", () => {
    const backingServices = plan({ REDIS_PORT: "6400" });
    expect(backingServices.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      "native redis",
      "native kafka",
      "native postgres",
      "native registry",
      "native prometheus",
    ]);
    expect(addressSettings(backingServices)).toEqual({
      KAFKA_BROKERS: "localhost:9092",
      SCHEMA_REGISTRY_URL: "http://localhost:8081/apis/ccompat/v7",
      REDIS_URL: "redis://localhost:6400",
      DATABASE_URL: "postgresql://postgres:postgres@localhost:5432/fiberstack",
    });
  });

  it("needs no free port if a container engine runs the backing services", () => {
    const backingServices = planBackingServices(readSettings(localSettings(), {}), "container");
    expect(backingServices.map(({ kind, ports }) => ({ kind, ports }))).toEqual(
      backingServices.map(() => ({ kind: "container", ports: [] })),
    );
  });

  it("uses a configured address, and needs no port for it", () => {
    const backingServices = plan({ KAFKA_BROKERS: "a:1,b:2" });
    expect(backingServices.find(({ name }) => name === "kafka")).toMatchObject({
      kind: "external",
      address: "a:1,b:2",
      ports: [],
    });
    expect(backingServices.filter(({ kind }) => kind === "native")).toHaveLength(4);
  });

  it("reports which backing service is unavailable, its address, and what to do", async () => {
    const redis = plan({ REDIS_URL: "redis://127.0.0.1:1" }).find(({ name }) => name === "redis");
    await expect(redis?.start("")).rejects.toThrow(
      "Redis: nothing answers at 127.0.0.1:1. Start it, or unset REDIS_URL",
    );
  });
});

describe("hostsOf", () => {
  it.each([
    [
      "a:1, b",
      [
        ["a", 1],
        ["b", 9092],
      ],
    ],
    ["redis://cache", [["cache", 6379]]],
    ["http://localhost:8081/apis/ccompat/v7", [["localhost", 8081]]],
    ["postgresql://u:p@db/fiberstack", [["db", 5432]]],
  ])("finds hosts and ports in %s", (address, expected) => {
    expect(hostsOf(address).map(({ host, port }) => [host, port])).toEqual(expected);
  });
});
