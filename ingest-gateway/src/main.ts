import { runService } from "@fiberstream/runtime/run-service";
import packageJson from "../package.json" with { type: "json" };
import { gatewaySettings } from "./settings.ts";
import { start } from "./start.ts";

await runService({
  name: "ingest-gateway",
  version: packageJson.version,
  settings: gatewaySettings,
  start,
});
