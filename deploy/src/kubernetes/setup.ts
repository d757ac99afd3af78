import { ensureHelm, ensureKubeconform } from "./chart-tools.ts";

// `npm run setup:helm` downloads the tools that check the chart. The chart's tests do so too if they are missing.
for (const tool of await Promise.all([ensureHelm(), ensureKubeconform()])) {
  if ("command" in tool) console.log(tool.command);
  else {
    console.error(tool.missing);
    process.exitCode = 1;
  }
}
