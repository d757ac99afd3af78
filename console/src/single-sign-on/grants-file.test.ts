import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@fiberstream/runtime/log";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { openGrantsFile, parseGrants } from "./grants-file.ts";
import { grantsOf, groupsIn } from "./grants-of-groups.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fiberstream-grants-"));
  path = join(folder, "grants.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (content: unknown) =>
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));

describe("the file with the grants of groups", () => {
  it("is read again when it changes; one that is invalid is ignored", async () => {
    write({ groups: { noc: [{ role: "viewer", tenant: "acme", nodes: "accra-*" }] } });
    const valid: boolean[] = [];
    const file = await openGrantsFile({ path, log, reportValid: (is) => valid.push(is) });
    const first = await file.read();
    expect(first).toEqual({
      everybody: [],
      groups: { noc: [{ role: "viewer", tenant: "acme", nodes: "accra-*" }] },
    });
    write("{");
    expect(await file.read()).toEqual(first);
    rmSync(path);
    expect(await file.read()).toEqual(first);
    write({ everybody: [{ role: "viewer" }] });
    expect(await file.read()).toEqual({
      everybody: [{ role: "viewer", tenant: "*", nodes: "*" }],
      groups: {},
    });
    expect(valid).toEqual([true, true, false, false, true]);
  });

  it("stops the start when it is not there or invalid", async () => {
    const open = () => openGrantsFile({ path, log, reportValid: () => undefined });
    await expect(open()).rejects.toThrow(/OIDC_GRANTS_FILE cannot be used: ENOENT.* Correct it/);
    write({ groups: { noc: [{ role: "root" }] } });
    await expect(open()).rejects.toThrow("groups.noc.0.role");
    write(" ".repeat(1024 * 1024 + 1));
    await expect(open()).rejects.toThrow("1048577 bytes");
  });

  it.each([
    ['{"group":{}}', '"group"'],
    ['{"groups":{"a":[{"role":"viewer","tenants":"x"}]}}', '"tenants"'],
    ['{"groups":{"a":[{"role":"viewer","tenant":"a b"}]}}', "groups.a.0.tenant"],
    ['{"groups":{"a":[{"role":"viewer","nodes":""}]}}', "groups.a.0.nodes"],
    ['{"groups":{"a":[{"role":"viewer","nodes":"a*b"}]}}', "groups.a.0.nodes"],
    ['{"groups":{"a":{"role":"viewer"}}}', "groups.a"],
    ["[]", "the file"],
  ])("names what is wrong: %s", (text, named) => {
    expect(() => parseGrants(text)).toThrow(named);
  });
});

describe("the grants of a person", () => {
  const file = parseGrants(
    JSON.stringify({
      everybody: [{ role: "viewer", tenant: "shared" }],
      groups: {
        a: [{ role: "viewer" }, { role: "operator", tenant: "acme" }],
        b: [{ role: "operator", tenant: "acme" }],
      },
    }),
  );

  it("are those of all groups, each once; groups without grants give none", () => {
    expect(grantsOf(["a", "b", "unknown", "constructor", "__proto__"], file)).toEqual([
      { role: "viewer", tenant: "shared", nodes: "*" },
      { role: "viewer", tenant: "*", nodes: "*" },
      { role: "operator", tenant: "acme", nodes: "*" },
    ]);
  });

  it("are not cut when they are too many", () => {
    const many = parseGrants(
      JSON.stringify({
        groups: Object.fromEntries(
          Array.from({ length: 101 }, (_, at) => [
            `g${at}`,
            [{ role: "viewer", tenant: `t${at}` }],
          ]),
        ),
      }),
    );
    expect(() => grantsOf(Object.keys(many.groups), many)).toThrow("101 grants");
  });

  it("come from a claim that is a list of names, or one name", () => {
    expect(groupsIn(["a", "b"])).toEqual(["a", "b"]);
    expect(groupsIn("a")).toEqual(["a"]);
    expect(groupsIn(undefined)).toEqual([]);
    for (const claim of [[1], {}, 7, Array.from({ length: 5_001 }, String)]) {
      expect(() => groupsIn(claim)).toThrow("OIDC_GROUPS_CLAIM");
    }
  });
});
