import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { toolEnvironment } from "@fiberstream/local-stack/native/config";
import { RECIPE } from "@fiberstream/local-stack/native/recipe";
import { createLineReader } from "./closing-line.ts";
import { createCommand } from "./options.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The tests of exactly-once delivery: everything that talks to Kafka, and services that are killed under load. */
const DELIVERY_SUITE = [
  "packages/kafka/src/.*\\.int\\.test",
  "stream-processor/src/.*\\.int\\.test",
  "sink-writer/src/.*\\.int\\.test",
  "tests/src/killed-services\\.e2e\\.test",
] as const;

await createCommand({ ownVersion: RECIPE.kafka.version, run }).parseAsync();

/** Runs the tests on one version after the other, because they share the machine. */
async function run(versions: readonly string[], only: readonly string[]): Promise<void> {
  const results: string[] = [];
  for (const version of versions) {
    process.stderr.write(`\n── Kafka ${version}\n`);
    const { hasPassed, closing } = await testOn(version, only.length > 0 ? only : DELIVERY_SUITE);
    if (!hasPassed) process.exitCode = 1;
    results.push(`Kafka ${version}: ${closing}`);
  }
  process.stdout.write(`\n${results.join("\n")}\n`);
}

/** Runs `npm test` with another Kafka, and prints its output. */
async function testOn(
  version: string,
  patterns: readonly string[],
): Promise<{ hasPassed: boolean; closing: string }> {
  const child = spawn("npm", ["test", "--", ...patterns], {
    cwd: ROOT,
    env: { ...toolEnvironment(), TEST_KAFKA_VERSION: version },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closing = createLineReader();
  child.stdout.on("data", (chunk: Buffer) => {
    process.stdout.write(chunk);
    closing.read(String(chunk));
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { hasPassed: code === 0, closing: closing.last() ?? "the tests did not finish" };
}
