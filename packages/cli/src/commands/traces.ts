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
    .description("receive traces from the services, and print each as a tree with durations")
    .option(
      "--port <number>",
      "port on 127.0.0.1 to which services send spans",
      wholeNumber(0, 65_535),
      4_318,
    )
    .option(
      "--quiet <ms>",
      "print a trace when no more of its spans have arrived for this long",
      wholeNumber(1, 3_600_000),
      6_000,
    )
    .addHelpText(
      "after",
      `
To let a service send its traces here, start it with OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318. It sends its sampled
traces every 5 s (OTEL_BSP_SCHEDULE_DELAY, in ms). npm start -- --trace does both.

Example:
  npm run fiber -- traces`,
    )
    .action(async ({ port, quiet }: Options) => {
      const print = (text: string) => say(`${text}\n\n`);
      const viewer = await startTraceViewer({
        port,
        quietMs: quiet,
        onComplete: (trace) => print(renderTrace(trace)),
      });
      print(
        `receiving spans at ${viewer.url}/v1/traces; the last traces are shown at ${viewer.url}`,
      );
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      await viewer.close();
    });
