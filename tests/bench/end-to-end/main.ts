import { resolve } from "node:path";
import { runCommand, withMeans } from "../frame/command.ts";
import { compare } from "./compare.ts";
import { describeSetting } from "./machine.ts";
import { measure } from "./measure.ts";
import { createCommand, type Options } from "./options.ts";
import { renderProfiles } from "./profiles.ts";
import { renderReport } from "./render-report.ts";
import { scale } from "./scale.ts";
import { save } from "./save.ts";

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  if (options.compare !== undefined) return compare(options, options.compare);
  if (options.scale !== undefined) return scale(options, options.scale);
  const setting = describeSetting();
  const profile = options.profile === undefined ? undefined : resolve(options.profile);
  const measured = await withMeans((means) => measure(means, options, { profile }));
  const result = { setting, options, ...measured };
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : renderReport(measured));
  if (profile !== undefined) process.stdout.write(renderProfiles(profile));
  if (options.save) await save("latest", result);
}
