import { once } from "node:events";
import { renderTrace } from "@fiberstream/terminal/traces/render-trace";
import { startTraceViewer } from "@fiberstream/terminal/traces/trace-viewer";
import { Command } from "commander";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

type Options = { readonly port: number; readonly quiet: number };

/** `fiber traces`: prints traces until Ctrl-C. */
export const tracesCommand = (): Command =>
  new Command("traces")
    .description("receive traces from the services and print each as a tree with its durations")
    .option(
      "--port <number>",
      "port on 127.0.0.1 that spans are sent to",
      wholeNumber(0, 65_535),
      4_318,
    )
    .option(
      "--quiet <ms>",
      "a trace is printed when nothing more of it has come for so long",
      wholeNumber(1, 3_600_000),
      6_000,
    )
    .addHelpText(
      "after",
      `
Services send what they sample when they are started with OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318,
every 5 s (OTEL_BSP_SCHEDULE_DELAY, in ms). npm start -- --trace does both.`,
    )
    .action(async ({ port, quiet }: Options) => {
      const print = (text: string) => say(`${text}\n\n`);
      const viewer = await startTraceViewer({
        port,
        quietMs: quiet,
        onComplete: (trace) => print(renderTrace(trace)),
      });
      print(`takes spans at ${viewer.url}/v1/traces, shows the last traces at ${viewer.url}`);
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      await viewer.close();
    });
