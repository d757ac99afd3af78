import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory, toolEnvironment } from "@fiberstream/local-stack/native/config";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake } from "../testing/intake-fixture.ts";

const folder = fileURLToPath(new URL("../../../docs/clients/", import.meta.url));
const isThere = (command: string, ...probe: string[]) => spawnSync(command, probe).status === 0;

type Client = readonly [string, ...string[]];

const built = join(cacheDirectory(), "client-examples", "send-go");

/** Those whose language is on this machine; sh and curl always are. */
const CLIENTS: Readonly<Record<string, Client>> = {
  "send.sh": ["sh", "send.sh"],
  ...(isThere("python3", "--version") && { "send.py": ["python3", "send.py"] }),
  ...(isThere("go", "version") && { "send.go": [built] }),
};

/** Go's first build of its own HTTP takes half a minute; it is kept beside the native runtime's tree. */
const BUILD_TIMEOUT_MS = 300_000;
beforeAll(() => {
  if (CLIENTS["send.go"] === undefined) return;
  const parameters = ["build", "-o", built, "send.go"];
  const env = {
    PATH: toolEnvironment()["PATH"],
    HOME: join(built, ".."),
    GOCACHE: join(built, "..", "cache"),
  };
  const { status, stderr } = spawnSync("go", parameters, { cwd: folder, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`send.go does not build: ${stderr}`);
}, BUILD_TIMEOUT_MS);

type Seen = { batchId: unknown; token: unknown; body: string };
/** What the gateway answers to one try after the other; "cut" ends the connection instead. */
type Script = readonly ("cut" | { status: number; body: object; after?: string })[];

let server: Server;
let url: string;
let script: Script;
let seen: Seen[];
beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    const step = script[seen.length];
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.once("end", () => {
      const { "x-batch-id": batchId, authorization: token } = request.headers;
      seen.push({ batchId, token, body });
      if (step === undefined || step === "cut") {
        request.socket.destroy();
        return;
      }
      response.writeHead(step.status, step.after ? { "Retry-After": step.after } : {});
      response.end(JSON.stringify(step.body));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

async function run(client: Client, to: string, events: string) {
  const [command, ...parameters] = client;
  const child = spawn(command, [...parameters, to], {
    cwd: folder,
    env: { PATH: toolEnvironment()["PATH"], FIBER_TOKEN: "t" },
  });
  child.stdin.end(events);
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

const accepted = (retry: number, rejected = 0) => ({
  status: 202,
  body: { status: "accepted", data: { accepted: 1, rejected, retry }, results: [] },
  after: retry > 0 ? "0" : "",
});

describe.each(Object.entries(CLIENTS))("%s", (_name, client) => {
  it("retries the same batch after transient failures, until all events are accepted", async () => {
    script = [
      { status: 503, body: {}, after: "0" },
      "cut",
      { status: 409, body: {}, after: "0" },
      { status: 429, body: {}, after: "0" },
      accepted(1),
      accepted(0),
    ];
    expect(await run(client, url, "event\nevent\n")).toBe(0);
    expect(seen).toHaveLength(6);
    expect(new Set(seen.map(({ batchId }) => batchId)).size).toBe(1);
    expect(seen[0]?.batchId).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(seen.map(({ body }) => body))).toEqual(new Set(["event\nevent\n"]));
    expect(seen[0]?.token).toBe("Bearer t");
  });

  it("does not retry what was rejected, and fails", async () => {
    script = [{ status: 422, body: { detail: "no" } }];
    expect(await run(client, url, "event\n")).toBe(1);
    script = [accepted(0, 1)];
    seen = [];
    expect(await run(client, url, "event\n")).toBe(1);
    expect(seen).toHaveLength(1);
  });

  it("is understood by the gateway", async () => {
    const intake = await startTestIntake();
    const events = `${JSON.stringify(exampleEvent())}\n${JSON.stringify(exampleEvent())}\n`;
    expect(await run(client, intake.url, events)).toBe(0);
    expect(intake.produced).toHaveLength(2);
    await intake.close();
  });
});
