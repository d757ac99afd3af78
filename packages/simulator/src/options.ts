import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { durationMs } from "@fiberstream/terminal/durations";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import type { Simulation } from "./simulate.ts";

/** The options of the command. (The address of the database is a setting.) */
export type Options = Omit<Simulation, "verify"> & {
  readonly verify: boolean;
  readonly json: boolean;
};

/**
 * Creates the command.
 * @param run is called with its options
 */
export function createCommand(run: (options: Options) => Promise<void>): Command {
  return new Command("simulate")
    .usage("[options]   (npm run simulate -- [options])")
    .description("Send events like a fleet of probes, and show the results.")
    .option("--probes <number>", "number of probes", wholeNumber(1, 100_000), 5)
    .option("--rate <number>", "events per second of each probe, or unlimited", rate, 1)
    .option(
      "--duration <time>",
      "stop after this time, such as 500ms, 60s, 5m or 1h (default: 60s)",
      durationMs,
    )
    .option(
      "--events <number>",
      "stop after so many events, instead of or in addition to a duration",
      wholeNumber(1, 1e9),
    )
    .option(
      "--batch <number>",
      "send batches of so many events to /api/ingest",
      wholeNumber(1, 10_000),
    )
    .option(
      "--concurrency <number>",
      "send at most so many requests at once",
      wholeNumber(1, 10_000),
      64,
    )
    .option("--url <url>", "the gateway's public address", url, new URL("http://localhost:8000"))
    .option(
      "--seed <number>",
      "use another fleet, with other probes and measurements",
      wholeNumber(0, 2 ** 31),
      1,
    )
    .option("--fresh-nodes", "use new node ids for this run", false)
    .option("--verify", "compare the rows in the database at DATABASE_URL with the events", false)
    .option("--json", "print the summary as JSON", false)
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .showHelpAfterError("(see --help)")
    .action(async (given: Given) => run(optionsOf(given)));
}

const HELP = `
Without --batch each event is sent alone to /api/push. At a fixed rate events are sent when they are due, independent of the
answers to earlier ones, and their times are measured from then. Ctrl-C ends the load early and prints the summary.

The exit code is 1 if an event was refused (except OVERLOADED and RATE_LIMITED at an unlimited rate), was not sent in time,
or, with --verify, was lost, duplicated or altered.

Examples:
  npm run simulate -- --probes 5 --rate 1 --duration 60s --verify
  npm run simulate -- --probes 200 --rate unlimited --batch 500 --events 1000000 --concurrency 8
`;

type Given = {
  readonly probes: number;
  readonly rate: number | "unlimited";
  readonly duration?: number;
  readonly events?: number;
  readonly batch?: number;
  readonly concurrency: number;
  readonly url: URL;
  readonly seed: number;
  readonly freshNodes: boolean;
  readonly verify: boolean;
  readonly json: boolean;
};

function optionsOf(given: Given): Options {
  const isBounded = given.duration !== undefined || given.events !== undefined;
  return {
    url: given.url,
    probes: given.probes,
    rate: given.rate,
    durationMs: isBounded ? given.duration : DEFAULT_DURATION_MS,
    maxEvents: given.events,
    batch: given.batch,
    concurrency: given.concurrency,
    seed: given.seed,
    freshIds: given.freshNodes ? randomBytes(4).toString("hex") : undefined,
    verify: given.verify,
    json: given.json,
  };
}

const DEFAULT_DURATION_MS = 60_000;

function rate(text: string): number | "unlimited" {
  if (text === "unlimited") return text;
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 100_000)) {
    throw new InvalidArgumentError(
      "It must be a number above 0 and up to 100000, or the word unlimited.",
    );
  }
  return value;
}

function url(text: string): URL {
  const parsed = URL.parse(text);
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    throw new InvalidArgumentError("It must be an address such as http://localhost:8000.");
  }
  return parsed;
}
