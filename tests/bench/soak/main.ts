import { renderTable } from "@fiberstream/terminal/table";
import { describeSetting } from "../end-to-end/report/machine.ts";
import { save } from "../end-to-end/report/save.ts";
import { runCommand, withBenchContext } from "../harness/command.ts";
import { createCommand, type Options } from "./options.ts";
import type { Sample } from "./sample.ts";
import { soak, type Soaked } from "./soak.ts";

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  const setting = describeSetting();
  const soaked = await withBenchContext((context) => soak(context, options));
  const result: Soaked = { setting, minutes: options.minutes, ...soaked };
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : render(result));
  if (options.save) await save("soak", { ...result, samples: thin(result.samples) });
  if (result.growths.some(({ isWithin }) => !isWithin) || result.listenerWarnings > 0) {
    process.stderr.write("soak: a resource grows beyond its limit\n");
    process.exitCode = 1;
  }
}

/** Keeps one of every twelve samples (one per minute). */
function thin(samples: readonly Sample[]): Sample[] {
  return samples.filter((_, at) => at % 12 === 0);
}

function render({ load, growths, listenerWarnings }: Soaked): string {
  const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(1)}`;
  const table = renderTable([
    ["", "FIRST MINUTE", "LAST", "PER HOUR", "+/-", "LIMIT", ""],
    ...growths.map(({ what, unit, first, last, perHour, limitPerHour, isWithin }) => [
      unit === "" ? what : `${what}, ${unit}`,
      first.toFixed(1),
      last.toFixed(1),
      signed(perHour.slope),
      perHour.slopeError.toFixed(1),
      String(limitPerHour),
      isWithin ? "flat" : "GROWS",
    ]),
  ]);
  const { what, accepted, rows, doubled } = load;
  return `${what}: ${accepted} accepted, ${rows} rows, ${doubled} duplicated\n\n${table}\n\nlistener warnings: ${listenerWarnings}\n`;
}
