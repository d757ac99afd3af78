import { ensureHelm, ensureKubeconform } from "./chart-tools.ts";

// `npm run setup:helm`: gets what judges the chart, which the chart's tests do by themselves too.
const [helm, kubeconform] = await Promise.all([ensureHelm(), ensureKubeconform()]);
for (const tool of [helm, kubeconform]) {
  if (typeof tool === "string") console.log(`Helm: ${tool}`);
  else if ("command" in tool) console.log(`kubeconform: ${tool.command}`);
  else {
    console.error(tool.missing);
    process.exitCode = 1;
  }
}
