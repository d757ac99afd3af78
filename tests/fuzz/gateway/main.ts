import { messageOf } from "@fiberstream/runtime/errors";
import type { Life } from "@fiberstream/runtime/life";
import { Command, InvalidArgumentError, Option } from "commander";
import { createToken } from "../../bench/harness/api-token.ts";
import { whole, withDocumentOptions } from "../document/document-options.ts";
import { type DocumentOptions, fuzzDocument } from "../document/fuzz-document.ts";
import { installSchemathesis } from "../document/python-environment.ts";
import { withBackingServices } from "../document/with-backing-services.ts";
import { countRaw } from "./count-raw.ts";
import { type BodiesReport, fuzzBodies } from "./fuzz-bodies.ts";
import { limitMemory } from "./memory-limit.ts";

type Options = DocumentOptions & {
  readonly what: "document" | "bodies" | "both";
  readonly minutes: number;
  readonly memory: number;
  readonly only: number | undefined;
};

const minutesOf = (text: string): number => {
  const value = Number(text);
  if (value > 0 && value <= 24 * 60) return value;
  throw new InvalidArgumentError("It must be a number above 0, at most a day.");
};

const say = (step: string) => void process.stderr.write(`${step}\n`);

try {
  const command = new Command("fuzz:gateway")
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
    );
  await withDocumentOptions(command, { examples: 150 })
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
  say("starting the backing services");
  return withBackingServices(async (life, { kafkaBrokers }) => {
    const code = isDocument ? await tryDocument(schemathesis, options) : 0;
    if (!isBodies) return code;
    const report = await tryBodies(life, options, kafkaBrokers);
    process.stdout.write(render(report, options));
    return report.findings.length > 0 ? 1 : code;
  });
}

async function tryDocument(schemathesis: string, options: Options): Promise<number> {
  const { startService } = await import("@fiberstream/testkit/service");
  const gateway = await startService("ingest-gateway", {});
  try {
    const code = await fuzzDocument(schemathesis, {
      ...options,
      url: gateway.url,
      beside: import.meta.url,
    });
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
