import { messageOf } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { setAddresses } from "@fiberstream/testkit/config";
import { startSharedBackingServices } from "@fiberstream/testkit/shared-backing-services";
import { Command, InvalidArgumentError, Option } from "commander";
import { createToken } from "../../bench/harness/api-token.ts";
import { countRaw } from "./count-raw.ts";
import { type BodiesReport, fuzzBodies } from "./fuzz-bodies.ts";
import { fuzzDocument } from "./fuzz-document.ts";
import { limitMemory } from "./memory-limit.ts";
import { installSchemathesis } from "./python-environment.ts";

type Options = {
  readonly what: "document" | "bodies" | "both";
  readonly examples: number;
  readonly seed: number;
  readonly phases: string;
  readonly minutes: number;
  readonly memory: number;
  readonly only: number | undefined;
};

const whole = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above 0.");
};
const minutesOf = (text: string): number => {
  const value = Number(text);
  if (value > 0 && value <= 24 * 60) return value;
  throw new InvalidArgumentError("It must be a number above 0, at most a day.");
};

const say = (step: string) => void process.stderr.write(`${step}\n`);

try {
  await new Command("fuzz:gateway")
    .usage("[options]   (npm run fuzz:gateway -- [options])")
    .description(
      "Send requests that are generated from the OpenAPI document to a gateway, then random bodies, framings and headers, and check the answers.",
    )
    .addOption(
      new Option(
        "--what <part>",
        "requests from the document, random bodies, or both one after the other",
      )
        .choices(["document", "bodies", "both"])
        .default("both"),
    )
    .option(
      "--examples <number>",
      "number of requests of each kind for each operation of the document",
      whole,
      150,
    )
    .option("--seed <number>", "seed; the same seed gives the same requests", whole, 20_261_105)
    .option("--phases <list>", "schemathesis's phases", "examples,coverage,fuzzing")
    .option("--minutes <number>", "duration of the random bodies, in minutes", minutesOf, 1)
    .option("--memory <MB>", "memory limit of the gateway in MB", whole, 512)
    .option(
      "--only <number>",
      "send only this random body of the seed, by the number in a finding",
      whole,
    )
    .addHelpText("after", help())
    .allowExcessArguments(false)
    .action(async (options: Options) => {
      process.exitCode = await fuzz(options);
    })
    .parseAsync();
} catch (error) {
  process.stderr.write(`fuzz:gateway: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

function help() {
  return `
Requests from the document need Python 3.10 or newer; schemathesis is installed in the cache folder. The gateway runs in a
cgroup of 512 MB if this process may create one (root on Linux), otherwise with a limit for V8's heap; the output says which.

Examples:
  npm run fuzz:gateway
  npm run fuzz:gateway -- --what bodies --minutes 20 --seed 7
  npm run fuzz:gateway -- --what bodies --seed 7 --only 4711
`;
}

/** @returns the exit code: 0 without findings */
async function fuzz(options: Options): Promise<number> {
  const isDocument = options.what !== "bodies" && options.only === undefined;
  const isBodies = options.what !== "document";
  const schemathesis = isDocument ? await installSchemathesis(say) : "";
  const life = createLife();
  const onSignal = () => void life.stop().finally(() => process.exit(130));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    say("starting the backing services");
    const backingServices = life.own(await startSharedBackingServices(() => undefined), (owned) =>
      owned.stop(),
    );
    setAddresses(JSON.stringify(backingServices.addresses));
    // These modules read the addresses when they are imported.
    const { createTestTopics } = await import("@fiberstream/testkit/topics");
    await createTestTopics("");
    const code = isDocument ? await tryDocument(schemathesis, options) : 0;
    if (!isBodies) return code;
    const report = await tryBodies(life, options, backingServices.addresses.kafkaBrokers);
    process.stdout.write(render(report, options));
    return report.findings.length > 0 ? 1 : code;
  } finally {
    await life.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

async function tryDocument(schemathesis: string, options: Options): Promise<number> {
  const { startService } = await import("@fiberstream/testkit/service");
  const gateway = await startService("ingest-gateway", {});
  try {
    const code = await fuzzDocument(schemathesis, { url: gateway.url, ...options });
    if (!gateway.logs().includes("unhandled error in request")) return code;
    say(`the gateway logged an unhandled error:\n${gateway.logs()}`);
    return 1;
  } finally {
    await gateway.stop();
  }
}

async function tryBodies(life: Life, options: Options, brokers: string): Promise<BodiesReport> {
  const { createTestDatabase } = await import("@fiberstream/testkit/database");
  const { startService } = await import("@fiberstream/testkit/service");
  const { url: databaseUrl } = await createTestDatabase();
  const memory = life.own(limitMemory(options.memory, `fiberstream-fuzz-${process.pid}`), (owned) =>
    owned.remove(),
  );
  say(
    `random bodies for ${options.minutes} min, seed ${options.seed}, the gateway within ${memory.what}`,
  );
  const gateway = life.own(
    await startService(
      "ingest-gateway",
      {
        DATABASE_URL: databaseUrl,
        AUTH_MODE: "keys",
        LOG_LEVEL: "error",
        HEADERS_TIMEOUT_MS: "4000",
        REQUEST_TIMEOUT_MS: "8000",
        // Long, so that a busy machine is not a finding.
        PRODUCE_MAX_WAIT_MS: "15000",
        // All of its requests come from one address.
        MAX_PAGES_PER_ADDRESS: "1000000",
      },
      { within: memory.command },
    ),
    (owned) => owned.kill(),
  );
  const [honest, hostile] = await Promise.all(
    ["honest", "hostile"].map((tenant) => createToken(databaseUrl, { tenant })),
  );
  return fuzzBodies({
    ...options,
    gateway,
    memory,
    megabytes: options.memory,
    tokens: { honest: `Bearer ${honest}`, hostile: `Bearer ${hostile}` },
    raw: life.own(countRaw(brokers), (owned) => owned.close()),
    say,
  });
}

function render(report: BodiesReport, { memory, seed }: Options): string {
  const { requests, good, statuses, honest, peakRssMb, kills, findings } = report;
  const answers = Object.entries(statuses).map(([status, count]) => `${count} x ${status}`);
  return [
    `random bodies, seed ${seed}`,
    `  sent      ${requests} requests, ${good} of them correct`,
    `  answers   ${answers.join(", ")}`,
    `  honest    ${honest}`,
    `  memory    ${peakRssMb.toFixed(0)} of ${memory} MB at most${kills === undefined ? "" : `, killed ${kills} times`}`,
    `  findings  ${findings.length}`,
    ...findings.map((finding) => `  - ${finding}`),
    "",
  ].join("\n");
}
