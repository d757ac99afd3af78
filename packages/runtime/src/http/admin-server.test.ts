import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Counter, Registry } from "prom-client";
import { type AdminServer, startAdminServer } from "./admin-server.ts";
import { createHealth, type Health } from "../lifecycle/health.ts";

let health: Health;
let server: AdminServer;
let registry: Registry;

beforeEach(async () => {
  health = createHealth();
  registry = new Registry();
  server = await startAdminServer({ host: "127.0.0.1", port: 0, health, registry });
});
afterEach(() => server.close());

const get = (path: string) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { connection: "close" } });

describe("admin server", () => {
  it("is ready only when every check is ok, and names what fails, why and since when", async () => {
    const kafka = health.check("kafka");
    health.check("registry").ok();
    kafka.failing("connection refused");
    const failing = await get("/readyz");
    expect(failing.status).toBe(503);
    expect(await failing.json()).toEqual({
      status: "not ready",
      checks: {
        kafka: {
          status: "failing",
          reason: "connection refused",
          since: expect.stringMatching(/^\d{4}-/),
        },
        registry: { status: "ok", since: expect.stringMatching(/^\d{4}-/) },
      },
    });
    kafka.ok();
    expect((await get("/readyz")).status).toBe(200);
  });

  it("keeps the moment at which a check began to fail while its reason changes", () => {
    const check = health.check("kafka");
    const begun = health.readiness()["kafka"]?.since;
    check.failing("other reason");
    expect(health.readiness()["kafka"]?.since).toBe(begun);
  });

  it("is live whatever its dependencies do, until a liveness check fails", async () => {
    health.check("kafka").failing("away");
    let problem: string | undefined;
    health.liveness("consumer", () => problem);
    expect((await get("/livez")).status).toBe(200);
    problem = "no fetch for 60 s";
    const dead = await get("/livez");
    expect(dead.status).toBe(503);
    expect(await dead.json()).toEqual({ status: "dead", dead: { consumer: "no fetch for 60 s" } });
  });

  it("serves metrics, and lists its routes", async () => {
    new Counter({ name: "seen_total", help: "Seen", registers: [registry] }).inc(2);
    expect(await (await get("/metrics")).text()).toContain("seen_total 2");
    const missing = await get("/nothing");
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain("/readyz");
  });
});
