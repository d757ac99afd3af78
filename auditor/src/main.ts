import { runService } from "@fiberstream/runtime/run-service";
import packageJson from "../package.json" with { type: "json" };
import { auditorSettings } from "./settings.ts";
import { start } from "./start.ts";

await runService({
  name: "auditor",
  version: packageJson.version,
  settings: auditorSettings,
  start,
});
