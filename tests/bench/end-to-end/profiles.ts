import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { renderTable } from "@fiberstream/terminal/table";

/** The fields of V8's CPU profiles that are used. */
export type CpuProfile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  /** The node that was running at each sample. */
  readonly samples: readonly number[];
  /** us between the samples. */
  readonly timeDeltas: readonly number[];
};

const LARGEST = 15;

/** Returns the functions with the largest self time of each profile. */
export function renderProfiles(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"));
  const blocks = files.sort().map((name) => {
    const profile = JSON.parse(readFileSync(join(folder, name), "utf8")) as CpuProfile;
    const rows = largestIn(profile, LARGEST).map(({ name: what, percent }) => [
      `${percent.toFixed(1)} %`,
      what,
    ]);
    return renderTable([["OF BUSY TIME", basename(name, ".cpuprofile")], ...rows]);
  });
  return `\n${blocks.join("\n\n")}\n`;
}

/** Returns the self time of each function in percent of the busy time, the largest first. */
export function largestIn(
  profile: CpuProfile,
  count: number,
): { readonly name: string; readonly percent: number }[] {
  const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameFrame(callFrame)]));
  const micros = new Map<string, number>();
  let busyMicros = 0;
  for (const [at, id] of profile.samples.entries()) {
    const name = nameOf.get(id) ?? "(unknown)";
    const took = profile.timeDeltas[at] ?? 0;
    if (name === "(idle)") continue;
    busyMicros += took;
    micros.set(name, (micros.get(name) ?? 0) + took);
  }
  return [...micros]
    .map(([name, took]) => ({ name, percent: (took / busyMicros) * 100 }))
    .sort((a, b) => b.percent - a.percent)
    .slice(0, count);
}

function nameFrame(frame: CpuProfile["nodes"][number]["callFrame"]): string {
  const { functionName, url, lineNumber } = frame;
  if (url === "") return functionName || "(native)";
  const file = url.replace(/^.*node_modules\//, "").replace(/^file:\/\/.*?\/(?=[^/]+\/src\/)/, "");
  return `${functionName || "(anonymous)"}  ${file}:${lineNumber + 1}`;
}
