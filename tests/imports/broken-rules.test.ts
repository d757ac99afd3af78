import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { brokenRules } from "./broken-rules.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

let root: string;
const write = (file: string, text: string) => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
};
const workspace = (
  folder: string,
  options: { dependencies?: readonly string[]; devDependencies?: readonly string[] } = {},
) => {
  const declared = (names: readonly string[] = []) =>
    Object.fromEntries(names.map((name) => [`@fiberstream/${name}`, "*"]));
  write(
    `${folder}/package.json`,
    JSON.stringify({
      name: `@fiberstream/${folder.replace("packages/", "")}`,
      dependencies: declared(options.dependencies),
      devDependencies: declared(options.devDependencies),
    }),
  );
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fiberstream-imports-"));
  const workspaces = ["packages/*", "ingest-gateway", "sink-writer", "deploy", "tests"];
  write("package.json", JSON.stringify({ workspaces }));
  workspace("packages/kafka", { devDependencies: ["testkit"] });
  workspace("packages/testkit", { dependencies: ["kafka"] });
  workspace("ingest-gateway", { dependencies: ["kafka", "sink-writer"] });
  workspace("sink-writer", { dependencies: ["kafka"] });
  workspace("deploy", { dependencies: ["kafka", "sink-writer"] });
  workspace("tests", { dependencies: ["deploy", "sink-writer"] });
});
afterEach(() => rmSync(root, { recursive: true }));

it("holds in this project", () => {
  expect(brokenRules(PROJECT)).toEqual([]);
});

describe("allowed imports", () => {
  it.each([
    ["packages/testkit/src/topics.ts", 'import { kafka } from "@fiberstream/kafka/kafka";'],
    ["packages/kafka/src/kafka.test.ts", 'import { until } from "@fiberstream/testkit/until";'],
    ["packages/kafka/src/consumer/consumer.ts", 'import { kafka } from "../kafka.ts";'],
    ["deploy/src/metrics.ts", 'import { metrics } from "@fiberstream/sink-writer/metrics";'],
    ["tests/src/platform.ts", 'import { start } from "@fiberstream/deploy/start";'],
  ])("in %s: %s", (file, text) => {
    write(file, text);
    expect(brokenRules(root)).toEqual([]);
  });
});

describe("reported violations", () => {
  const found = (file: string, text: string) => {
    write(file, text);
    return brokenRules(root);
  };

  it("include a package that imports deploy", () => {
    workspace("packages/kafka", { devDependencies: ["deploy"] });
    expect(found("packages/kafka/src/a.ts", 'import { b } from "@fiberstream/deploy/b";')).toEqual([
      "packages/kafka/src/a.ts imports @fiberstream/deploy/b: packages may import only packages",
    ]);
  });

  it("include a service that imports another one, also only a type", () => {
    const text = 'import type { B } from "@fiberstream/sink-writer/b";';
    expect(found("ingest-gateway/src/a.ts", text)).toEqual([
      "ingest-gateway/src/a.ts imports @fiberstream/sink-writer/b: services may import only packages",
    ]);
  });

  it("include deploy that imports tests", () => {
    workspace("deploy", { devDependencies: ["tests"] });
    expect(found("deploy/src/a.ts", 'const b = await import("@fiberstream/tests/b");')).toEqual([
      "deploy/src/a.ts imports @fiberstream/tests/b: deploy may import only packages, services",
    ]);
  });

  it("include a workspace that is not declared", () => {
    const text = 'import {\n  kafka,\n} from "@fiberstream/kafka/kafka";';
    expect(found("tests/src/a.ts", text)).toEqual([
      "tests/src/a.ts imports @fiberstream/kafka: tests/package.json does not declare it",
    ]);
  });

  it("include a relative path into another workspace", () => {
    const text = 'export { b } from "../../sink-writer/src/b.ts";';
    expect(found("deploy/src/a.ts", text)).toEqual([
      "deploy/src/a.ts imports ../../sink-writer/src/b.ts: import @fiberstream/sink-writer by its name, and declare it",
    ]);
  });

  it("include workspaces that depend on each other", () => {
    workspace("packages/kafka", { dependencies: ["testkit"] });
    expect(brokenRules(root)).toEqual([
      "workspaces depend on each other: packages/kafka -> packages/testkit -> packages/kafka",
    ]);
  });
});

describe("the linter's rule against circles", () => {
  const lint = () => {
    cpSync(join(PROJECT, ".oxlintrc.json"), join(root, ".oxlintrc.json"));
    try {
      return execFileSync(join(PROJECT, "node_modules/.bin/oxlint"), ["src"], {
        cwd: root,
        encoding: "utf8",
      });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };

  it("finds files that import each other at run time", () => {
    write("src/a.ts", 'import { b } from "./b.ts";\nexport const a = () => b;\n');
    write("src/b.ts", 'import { a } from "./a.ts";\nexport const b = () => a;\n');
    expect(lint()).toContain("no-cycle");
  });

  it("allows circles of types, which are not loaded at run time", () => {
    write(
      "src/a.ts",
      'import { b } from "./b.ts";\nexport type A = string;\nexport const a = b;\n',
    );
    write("src/b.ts", 'import type { A } from "./a.ts";\nexport const b: A = "b";\n');
    expect(lint()).not.toContain("no-cycle");
  });
});
