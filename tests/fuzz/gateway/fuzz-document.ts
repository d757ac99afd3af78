import { fileURLToPath } from "node:url";
import { runCommand } from "./python-environment.ts";

/**
 * Sends requests that are generated from the gateway's OpenAPI document.
 * @returns the fuzzer's exit code
 */
export const fuzzDocument = (
  schemathesis: string,
  { url, examples, seed, phases }: { url: string; examples: number; seed: number; phases: string },
): Promise<number> =>
  runCommand(
    schemathesis,
    [
      "run",
      `${url}/openapi.json`,
      "--checks=all",
      `--phases=${phases}`,
      `--max-examples=${examples}`,
      `--seed=${seed}`,
      // With two threads CPython's parser, which the fuzzer uses to describe its strategies, sometimes fails with
      // "SystemError: AST constructor recursion depth mismatch".
      "--workers=1",
      "--no-color",
    ],
    { folder: fileURLToPath(new URL(".", import.meta.url)) },
  );
