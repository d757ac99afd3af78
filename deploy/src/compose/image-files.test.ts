import { globSync, readFileSync } from "node:fs";
import { matchesGlob } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "@jest/globals";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Of the Dockerfile's build context, in the form that Docker and Node's globs share. */
const IGNORED = readFileSync(`${ROOT}deploy/docker/Dockerfile.dockerignore`, "utf8")
  .split("\n")
  .filter((line) => line !== "");

const isIgnored = (file: string) =>
  IGNORED.some((pattern) => matchesGlob(file, pattern) || matchesGlob(file, `${pattern}/**`));

it("an image has no tests nor what only tests use, and its files do not import any", () => {
  const sources = globSync(
    "{packages/*,ingest-gateway,stream-processor,sink-writer,console,auditor,deploy}/src/**/*.ts",
    {
      cwd: ROOT,
    },
  );
  const shipped = sources.filter((file) => !isIgnored(file));
  expect(shipped.length).toBeGreaterThan(500);
  const ofTests = /\.test\.ts$|\/(?:testing|service-tests)\/|^packages\/testkit\//;
  expect(shipped.filter((file) => ofTests.test(file))).toEqual([]);
  const importsTests =
    /(?:from|import\() ?"(?:@fiberstream\/testkit|[^"]*\/(?:testing|service-tests)\/)/;
  expect(
    shipped.filter((file) => importsTests.test(readFileSync(`${ROOT}${file}`, "utf8"))),
  ).toEqual([]);
});
