import { resolve } from "node:path";
import { runCommand, withBenchContext } from "../harness/command.ts";
import { compare } from "./compare/compare.ts";
import { describeSetting } from "./report/machine.ts";
import { measure } from "./measure.ts";
import { createCommand, type Options } from "./options.ts";
import { renderProfiles } from "./profiles.ts";
import { renderReport } from "./report/render-report.ts";
import { scale } from "./scale/scale.ts";
import { save } from "./report/save.ts";

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  if (options.compare !== undefined) return compare(options, options.compare);
  if (options.scale !== undefined) return scale(options, options.scale);
  const setting = describeSetting();
  const profile = options.profile === undefined ? undefined : resolve(options.profile);
  const measured = await withBenchContext((context) => measure(context, options, { profile }));
  const result = { setting, options, ...measured };
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : renderReport(measured));
  if (profile !== undefined) process.stdout.write(renderProfiles(profile));
  if (options.save) await save("latest", result);
}
