import { ensureHelm, ensureKubeconform } from "./chart-tools.ts";

// `npm run setup:helm`: gets what judges the chart, which the chart's tests do by themselves too.
for (const tool of await Promise.all([ensureHelm(), ensureKubeconform()])) {
  if ("command" in tool) console.log(tool.command);
  else {
    console.error(tool.missing);
    process.exitCode = 1;
  }
}
