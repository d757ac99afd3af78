import { runService } from "@fiberstream/runtime/run-service";
import manifest from "../package.json" with { type: "json" };
import { sinkSettings } from "./settings.ts";
import { startSink } from "./start.ts";

await runService({
  name: "sink-writer",
  version: manifest.version,
  settings: sinkSettings,
  start: startSink,
});
