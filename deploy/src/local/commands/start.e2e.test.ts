import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import { addresses, addressSettings } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { isListening } from "@fiberstream/local-stack/native/port-owner";
import { childEnvironment } from "@fiberstream/local-stack/config";
import type { ProcessStatus } from "../supervision/supervised-process.ts";
import { readRun } from "../supervision/state-files.ts";

const ENTRY = fileURLToPath(new URL("../../../start.mjs", import.meta.url));

let stateDir: string;
let database: TestDatabase;
let environment: NodeJS.ProcessEnv;
let ports: number[];

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "fiberstream-start-"));
  database = await createTestDatabase();
  ports = await freePorts(9);
  const [
    gateway,
    gatewayAdmin,
    processorAdmin,
    sinkAdmin,
    consoleAdmin,
    auditorAdmin,
    redis,
    prometheus,
    console,
  ] = ports.map(String);
  environment = childEnvironment({
    ...addressSettings(addresses),
    DATABASE_URL: database.url,
    // Redis and Prometheus are started by this run; the other backing services are those of the test run.
    REDIS_URL: "",
    REDIS_PORT: redis ?? "",
    PROMETHEUS_PORT: prometheus ?? "",
    PORT: gateway ?? "",
    GATEWAY_ADMIN_PORT: gatewayAdmin ?? "",
    PROCESSOR_ADMIN_PORT: processorAdmin ?? "",
    SINK_ADMIN_PORT: sinkAdmin ?? "",
    CONSOLE_ADMIN_PORT: consoleAdmin ?? "",
    AUDITOR_ADMIN_PORT: auditorAdmin ?? "",
    CONSOLE_PORT: console ?? "",
    NAMESPACE: testNamespace(),
    FIBERSTREAM_STATE_DIR: stateDir,
    // With a container engine they are containers, in a Compose project of this test.
    COMPOSE_PROJECT_NAME: `fiberstream-test-${redis ?? ""}`,
  });
});
afterEach(async () => {
  await command("stop");
  await command("reset", "--yes");
  await database.drop();
  rmSync(stateDir, { recursive: true, force: true });
});

describe("the local start", () => {
  it("runs in the background, reports that to a second start, and leaves nothing behind after a stop", async () => {
    const first = await command("start", "--detach");
    expect(first.output).toMatch(/First event, from POST to row: \d+ ms/);
    expect(first.output).toContain("FiberStream is ready");
    expect(first.code).toBe(0);

    const again = await command("start", "--detach");
    expect(again.output).toMatch(/^local \| FiberStream has been running since .+\n$/);
    expect((await command("start")).output).toMatch(
      /has been running since .+: http:\/\/127.0.0.1:\d+/,
    );
    expect((await command("reset", "--yes")).output).toContain("Nothing was deleted");
    const { output } = await command("status");
    expect(output).toMatch(/redis \((native|container)\) +up/);
    expect(output).toMatch(/kafka \(external\) +up/);
    expect(output).toMatch(/prometheus \((native|container)\) +up/);
    // Prometheus reads its targets from files shortly after it has started.
    await until(async () => (await scraped()).length === SERVICE_NAMES.length, {
      what: "Prometheus scrapes the services",
    });
    expect(await scraped()).toEqual(
      ports
        .slice(1, 6)
        .map((port) => `127.0.0.1:${port}`)
        .sort(),
    );
    expect(output).toMatch(/sink-writer +ready/);
    expect((await command("logs", "sink-writer")).output).toContain("started");

    expect((await command("stop")).code).toBe(0);
    expect(await listening()).toEqual([]);
    expect(await filesOfRun()).toEqual([]);
    expect((await command("reset", "--yes")).code).toBe(0);
    expect(await readdir(stateDir)).toEqual(["logs"]);
  }, 120_000);

  it("restarts a process that dies, and recovers after its own death", async () => {
    await command("start", "--detach");
    const before = pidOf("sink-writer");
    process.kill(before, "SIGKILL");
    await until(() => processOf("sink-writer")?.restarts === 1 && isUp("sink-writer"), {
      what: "the sink was restarted",
    });
    expect(pidOf("sink-writer")).not.toBe(before);
    expect((await command("logs", "supervisor")).output).toContain(
      "sink-writer exited unexpectedly",
    );

    const supervisor = readRun(stateDir)?.supervisor.pid ?? 0;
    process.kill(supervisor, "SIGKILL");
    await until(async () => (await listening()).length === 0, {
      what: "all its processes have ended too",
    });
    expect(await filesOfRun()).toEqual(["lock", "run.json"]);
    expect((await command("status")).output).toContain("not running");
    // Kafka gives the partitions of dead consumers to others only after their sessions have ended.
    environment["NAMESPACE"] = testNamespace();
    expect((await command("start", "--detach")).output).toContain("FiberStream is ready");
  }, 120_000);

  it("reports which process holds a port that it needs, and starts nothing", async () => {
    const [port = 0] = ports;
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    const { output, code } = await command("start");
    server.close();
    expect(output).toContain(`port ${port} is in use by PID ${process.pid}`);
    expect(output).toContain("set PORT to another port");
    expect(code).toBe(1);
    expect(await filesOfRun()).toEqual([]);
  });
});

/** Returns the addresses that Prometheus scrapes. */
async function scraped(): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${ports[7]}/api/v1/targets?state=active`);
  const { data } = (await answer.json()) as {
    data: { activeTargets: { scrapeUrl: string }[] };
  };
  return data.activeTargets.map(({ scrapeUrl }) => new URL(scrapeUrl).host).sort();
}

const processOf = (name: string): ProcessStatus | undefined =>
  readRun(stateDir)?.processes.find((supervised) => supervised.name === name);
const isUp = (name: string) => processOf(name)?.state === "up";
const pidOf = (name: string) => processOf(name)?.pid ?? 0;

const filesOfRun = async () =>
  (await readdir(stateDir)).filter((name) => name !== "data" && name !== "logs").sort();

/** Returns the services' ports that are in use. Not Redis: it may be a container, which outlives its starter. */
async function listening(): Promise<number[]> {
  const checked = await Promise.all(
    ports.map(async (port) => ({ port, is: await isListening(port) })),
  );
  return checked.filter(({ is }) => is).map(({ port }) => port);
}

function command(...args: string[]): Promise<{ code: number; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const child = execFile(
    process.execPath,
    [ENTRY, ...args],
    { env: environment },
    (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
  );
  return promise;
}
