import { runService } from "@fiberstream/runtime/run-service";
import packageJson from "../package.json" with { type: "json" };
import { sinkSettings } from "./settings.ts";
import { start } from "./start.ts";

await runService({
  name: "sink-writer",
  version: packageJson.version,
  settings: sinkSettings,
  start,
});
