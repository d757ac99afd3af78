import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { auditDependencies } from "./audit-dependencies.ts";

const PACKAGE = {
  name: "audited",
  version: "1.0.0",
  dependencies: { bad: "^1.0.0" },
};
const LOCK = {
  name: "audited",
  version: "1.0.0",
  lockfileVersion: 3,
  requires: true,
  packages: { "": PACKAGE, "node_modules/bad": { version: "1.0.0" } },
};
/** npm looks up which versions of a vulnerable package exist. */
const PACKUMENT = {
  name: "bad",
  "dist-tags": { latest: "1.0.0" },
  versions: { "1.0.0": { name: "bad", version: "1.0.0" } },
};

let root: string;
let registry: Server;
let answer: (response: ServerResponse) => void;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "audited-"));
  writeFileSync(join(root, "package.json"), JSON.stringify(PACKAGE));
  writeFileSync(join(root, "package-lock.json"), JSON.stringify(LOCK));
  registry = createServer((request, response) => {
    request.resume();
    request.on("end", () =>
      request.method === "GET" ? json(PACKUMENT)(response) : answer(response),
    );
  });
  await new Promise<void>((listening) => void registry.listen(0, "127.0.0.1", listening));
});
afterEach(async () => {
  registry.closeAllConnections();
  await new Promise((closed) => void registry.close(closed));
  rmSync(root, { recursive: true });
});

const audit = (maxWaitMs = 60_000) => {
  const { port } = registry.address() as AddressInfo;
  return auditDependencies({ maxWaitMs, root, registry: `http://127.0.0.1:${port}/` });
};

/** npm remembers advisories by their id, also after the test. */
const unusedId = () => randomInt(2 ** 47);
const advisory = (severity: string) => ({
  bad: [
    { id: unusedId(), url: "", title: "bad", severity, vulnerable_versions: "<2.0.0", cwe: [] },
  ],
});
const json = (value: object) => (response: ServerResponse) =>
  response.setHeader("Content-Type", "application/json").end(JSON.stringify(value));

describe("the audit of dependencies", () => {
  it("names what the registry knows to be vulnerable", async () => {
    answer = json(advisory("high"));
    expect(await audit()).toEqual({ kind: "vulnerable", packages: ["bad (high)"] });
  });

  it("ignores lesser severities", async () => {
    answer = json(advisory("moderate"));
    expect(await audit()).toEqual({ kind: "clean" });
  });

  it("does not take a registry without this service for a clean answer", async () => {
    answer = (response) => response.writeHead(405).end();
    expect(await audit()).toEqual({ kind: "unanswered", reason: "it answered with status 405" });
  });

  it("does not wait for a registry that does not answer", async () => {
    answer = () => undefined;
    const askedAt = performance.now();
    expect((await audit(2_000)).kind).toBe("unanswered");
    expect(performance.now() - askedAt).toBeLessThan(20_000);
  });
});
