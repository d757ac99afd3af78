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
  description: "Kill and freeze the sink and what it stands on, and account for every record.",
  help: "",
})
  .option("--events <number>", "how many records in all", wholeNumber(100, 1e8), 500_000)
  .option("--sink-kills <number>", "how often the sink is killed", wholeNumber(0, 999), 20)
  .option("--postgres-kills <number>", "how often PostgreSQL is", wholeNumber(0, 999), 5)
  .option("--kafka-kills <number>", "how often Kafka is", wholeNumber(0, 999), 1)
  .option("--freezes <number>", "how often the sink is frozen", wholeNumber(0, 999), 1)
  .option("--freeze-seconds <number>", "for how long at least", wholeNumber(0, 3_600), 60)
  .action(run);

await runCommand(command);

async function run(options: Options): Promise<void> {
  const faults = faultsOf(options);
  const progress = createProgress();
  const registry = await startPrivateBackingService("registry");
  try {
    // Where the shared backing services are is read when the test kit is loaded; the other backing services are the run's own.
    setAddresses(JSON.stringify({ schemaRegistryUrl: registry.address }));
    const { endure } = await import("./endure.ts");
    const endured = await endure({
      faults,
      portion: Math.ceil(options.events / faults.length),
      freezeMs: options.freezeSeconds * 1_000,
      onPortion: (fault, place) => {
        progress.step(`${place + 1} of ${faults.length}: ${fault}`, faults.length);
        progress.done(place);
      },
    });
    progress.end();
    process.stdout.write(renderAccount(endured));
    if (!isWhole(endured)) process.exitCode = 1;
  } finally {
    progress.end();
    await registry.remove();
  }
}

/** In turns, so that no kind comes only at the end. */
function faultsOf(options: Options): Fault[] {
  const left = new Map<Fault, number>([
    ["sink killed", options.sinkKills],
    ["postgres killed", options.postgresKills],
    ["sink frozen", options.freezes],
    ["kafka killed", options.kafkaKills],
  ]);
  const faults: Fault[] = [];
  const total = [...left.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new Error("there is no fault to endure");
  while (faults.length < total) {
    for (const [fault, count] of left) {
      if (count === 0) continue;
      faults.push(fault);
      left.set(fault, count - 1);
    }
  }
  return faults;
}

function isWhole({ expected, found, orphans }: Endured): boolean {
  return JSON.stringify(found) === JSON.stringify(expected) && orphans === 0;
}

function renderAccount({ accepted, expected, found, orphans }: Endured): string {
  const { rows, repeats, conflicts, deadLetters } = found;
  return [
    `${accepted} accepted = ${rows} rows + ${repeats} repeats + ${conflicts} conflicts + ${deadLetters} dead letters by origin`,
    `expected: ${expected.rows} rows, ${expected.repeats} repeats, ${expected.conflicts} conflicts, ${expected.deadLetters} dead letters`,
    `rows without their node: ${orphans}`,
    "",
  ].join("\n");
}
