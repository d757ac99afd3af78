import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { toolEnvironment } from "@fiberstream/local-stack/native/config";
import { RECIPE } from "@fiberstream/local-stack/native/recipe";
import { createLineReader } from "./closing-line.ts";
import { createCommand } from "./options.ts";

const ROOT = join(import.meta.dirname, "../..");

/** What holds the promise of delivery: whatever speaks to Kafka, and the services killed under load. */
const DELIVERY_SUITE = [
  "packages/kafka/src/.*\\.int\\.test",
  "stream-processor/src/.*\\.int\\.test",
  "sink-writer/src/.*\\.int\\.test",
  "tests/src/killed-services\\.e2e\\.test",
] as const;

await createCommand({ ownVersion: RECIPE.kafka.version, run }).parseAsync();

/** One version after the other: they share the machine. */
async function run(versions: readonly string[], only: readonly string[]): Promise<void> {
  const results: string[] = [];
  for (const version of versions) {
    process.stderr.write(`\n── Kafka ${version}\n`);
    const { isGood, closing } = await testOn(version, only.length > 0 ? only : DELIVERY_SUITE);
    if (!isGood) process.exitCode = 1;
    results.push(`Kafka ${version}: ${closing}`);
  }
  process.stdout.write(`\n${results.join("\n")}\n`);
}

/** `npm test` with another Kafka; what it prints is passed on. */
async function testOn(
  version: string,
  patterns: readonly string[],
): Promise<{ isGood: boolean; closing: string }> {
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
  return { isGood: code === 0, closing: closing.last() ?? "the tests did not get to their end" };
}
