import { runService } from "@fiberstream/runtime/run-service";
import packageJson from "../package.json" with { type: "json" };
import { processorSettings } from "./settings.ts";
import { start } from "./start.ts";

await runService({
  name: "stream-processor",
  version: packageJson.version,
  settings: processorSettings,
  start,
});
