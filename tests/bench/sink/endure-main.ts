import type { Endured, Fault } from "./endure.ts";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { setAddresses } from "@fiberstream/testkit/config";
import { createBenchCommand, runCommand } from "../harness/command.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { createProgress } from "../harness/progress.ts";

type Options = {
  readonly events: number;
  readonly sinkKills: number;
  readonly postgresKills: number;
  readonly kafkaKills: number;
  readonly freezes: number;
  readonly freezeSeconds: number;
};

const command = createBenchCommand({
  name: "endure:sink",
  description: "Kill and freeze the sink and its backing services, and account for every record.",
  help: "",
})
  .option("--events <number>", "total number of records", wholeNumber(100, 1e8), 500_000)
  .option("--sink-kills <number>", "how often the sink is killed", wholeNumber(0, 999), 20)
  .option("--postgres-kills <number>", "how often PostgreSQL is killed", wholeNumber(0, 999), 5)
  .option("--kafka-kills <number>", "how often Kafka is killed", wholeNumber(0, 999), 1)
  .option("--freezes <number>", "how often the sink is frozen", wholeNumber(0, 999), 1)
  .option("--freeze-seconds <number>", "minimal duration of a freeze", wholeNumber(0, 3_600), 60)
  .action(run);

await runCommand(command);

async function run(options: Options): Promise<void> {
  const faults = faultsOf(options);
  const progress = createProgress();
  const registry = await startPrivateBackingService("registry");
  try {
    // The test kit reads these addresses when it is imported. The other backing services are started by the run.
    setAddresses(JSON.stringify({ schemaRegistryUrl: registry.address }));
    const { endure } = await import("./endure.ts");
    const endured = await endure({
      faults,
      portion: Math.ceil(options.events / faults.length),
      freezeMs: options.freezeSeconds * 1_000,
      onPortion: (fault, index) => {
        progress.step(`${index + 1} of ${faults.length}: ${fault}`, faults.length);
        progress.done(index);
      },
    });
    progress.end();
    process.stdout.write(renderAccount(endured));
    if (!isComplete(endured)) process.exitCode = 1;
  } finally {
    progress.end();
    await registry.remove();
  }
}

/** Mixes the kinds of faults, so that none comes only at the end. */
function faultsOf(options: Options): Fault[] {
  const left = new Map<Fault, number>([
    ["sink killed", options.sinkKills],
    ["postgres killed", options.postgresKills],
    ["sink frozen", options.freezes],
    ["kafka killed", options.kafkaKills],
  ]);
  const faults: Fault[] = [];
  const total = [...left.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new Error("no fault was selected");
  while (faults.length < total) {
    for (const [fault, count] of left) {
      if (count === 0) continue;
      faults.push(fault);
      left.set(fault, count - 1);
    }
  }
  return faults;
}

function isComplete({ expected, found, orphans }: Endured): boolean {
  return JSON.stringify(found) === JSON.stringify(expected) && orphans === 0;
}

function renderAccount({ accepted, expected, found, orphans }: Endured): string {
  const { rows, repeats, conflicts, deadLetters } = found;
  return [
    `${accepted} accepted = ${rows} rows + ${repeats} duplicates + ${conflicts} conflicts + ${deadLetters} dead letters by origin`,
    `expected: ${expected.rows} rows, ${expected.repeats} duplicates, ${expected.conflicts} conflicts, ${expected.deadLetters} dead letters`,
    `rows without their node: ${orphans}`,
    "",
  ].join("\n");
}
