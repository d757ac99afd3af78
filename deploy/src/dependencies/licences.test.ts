import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { licenceFaults } from "./licence-faults.ts";
import { renderLicencesPage } from "./licences-page.ts";
import { readShippedPackages } from "./shipped-packages.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "licences-"))));
afterEach(() => rmSync(root, { recursive: true }));

const write = (file: string, text: string) => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
};
const lock = (packages: Record<string, object>) =>
  write("package-lock.json", JSON.stringify({ packages }));
const install = (name: string, fields: object) =>
  write(`node_modules/${name}/package.json`, JSON.stringify(fields));

describe("the licences of what ships", () => {
  it("are all allowed", () => {
    expect(licenceFaults(readShippedPackages())).toEqual([]);
  });

  it.each([
    ["Hippocratic-2.1"],
    ["BUSL-1.1"],
    ["SSPL-1.0"],
    ["AGPL-3.0-only"],
    ["MIT AND GPL-3.0-only"],
    ["Apache-2.0 WITH LLVM-exception"],
    ["SEE LICENSE IN terms.md"],
    ["UNLICENSED"],
  ])("may not be %s", (license) => {
    lock({ "node_modules/bad": { version: "1.0.0", license } });
    expect(licenceFaults(readShippedPackages(root))).toEqual([
      `bad 1.0.0 has the licence ${license}, which is not allowed`,
    ]);
  });

  it("may be one of two", () => {
    lock({ "node_modules/good": { version: "1.0.0", license: "(MIT OR GPL-3.0-only)" } });
    expect(licenceFaults(readShippedPackages(root))).toEqual([]);
  });

  it("have to be named, at least by the licence file", () => {
    lock({
      "node_modules/a": { version: "1.0.0" },
      "node_modules/b": { version: "2.0.0" },
      "node_modules/c": { version: "3.0.0" },
    });
    install("a", {});
    install("b", { licenses: [{ type: "MIT" }] });
    install("c", {});
    write("node_modules/c/LICENSE", "MIT License\n\nCopyright (c) somebody");
    expect(licenceFaults(readShippedPackages(root))).toEqual(["a 1.0.0 names no licence"]);
  });

  it("are those of the packages that are installed", () => {
    lock({ "node_modules/changed": { version: "1.0.0", license: "MIT" } });
    install("changed", { license: "BUSL-1.1" });
    expect(licenceFaults(readShippedPackages(root))).toEqual([
      "changed 1.0.0: the lock file says MIT, the installed package BUSL-1.1",
    ]);
  });

  it("are listed once for each version, without those of development and of one platform", () => {
    lock({
      "": { version: "0.1.0", license: "Apache-2.0" },
      "node_modules/@ours/one": { link: true },
      "node_modules/a": { version: "1.0.0", license: "MIT" },
      "node_modules/b/node_modules/a": { version: "1.0.0", license: "MIT" },
      "node_modules/b/node_modules/@x/c": { version: "2.0.0", license: "ISC" },
      "node_modules/tool": { version: "1.0.0", license: "GPL-3.0-only", dev: true },
      "node_modules/binary": { version: "1.0.0", license: "MIT", os: ["linux"] },
    });
    const page = renderLicencesPage(readShippedPackages(root));
    expect(page.slice(page.indexOf("## "))).toBe("## ISC\n\n- @x/c 2.0.0\n\n## MIT\n\n- a 1.0.0\n");
  });
});
