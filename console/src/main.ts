import { runService } from "@fiberstream/runtime/run-service";
import packageJson from "../package.json" with { type: "json" };
import { consoleSettings } from "./settings.ts";
import { start } from "./start.ts";

await runService({
  name: "console",
  version: packageJson.version,
  settings: consoleSettings,
  start,
});
