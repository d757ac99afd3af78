import { fileURLToPath } from "node:url";
import { runCommand } from "./python-environment.ts";

export type DocumentOptions = {
  readonly examples: number;
  readonly seed: number;
  readonly phases: string;
};

/**
 * Sends requests that are generated from the OpenAPI document of a service.
 *
 * @param options.beside a module in the folder of `schemathesis.toml` and `hooks.py`
 * @param options.headers such as `Authorization: Bearer …`
 * @param options.excludedChecks of schemathesis (`--checks` here has precedence over its file)
 * @returns the fuzzer's exit code
 */
export const fuzzDocument = (
  schemathesis: string,
  options: DocumentOptions & {
    url: string;
    beside: string;
    headers?: readonly string[];
    excludedChecks?: readonly string[];
  },
): Promise<number> =>
  runCommand(
    schemathesis,
    [
      "run",
      `${options.url}/openapi.json`,
      "--checks=all",
      `--phases=${options.phases}`,
      `--max-examples=${options.examples}`,
      `--seed=${options.seed}`,
      ...(options.excludedChecks ?? []).map((check) => `--exclude-checks=${check}`),
      ...(options.headers ?? []).map((header) => `--header=${header}`),
      // With two threads CPython's parser, which the fuzzer uses to describe its strategies, sometimes fails with
      // "SystemError: AST constructor recursion depth mismatch".
      "--workers=1",
      "--no-color",
    ],
    { folder: fileURLToPath(new URL(".", options.beside)) },
  );
