import { renderTable } from "@fiberstream/terminal/table";
import { messageOf } from "@fiberstream/runtime/errors";
import { SERVICES } from "@fiberstream/runtime/services";
import { Command } from "commander";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../options/examples.ts";
import { logged } from "../tables/with-pool.ts";

type Options = { readonly url: string[]; readonly json: boolean };
type OpenBreaker = { readonly partition: number; readonly since: string; readonly reason: string };

const ADMIN_URL = `http://127.0.0.1:${SERVICES["stream-processor"].adminPort}`;

/** `fiber breaker show|reset`: inspect and reset circuit breakers of the processor. */
export const breakerCommand = (): Command =>
  new Command("breaker")
    .description("inspect and reset circuit breakers of the processor")
    .addCommand(
      withAddresses(new Command("show"))
        .description(
          "list open circuit breakers with their times and reasons; exit code 1 if there is one",
        )
        .addHelpText(
          "after",
          examples(
            "breaker show",
            "breaker show --url http://processor-1:8010 http://processor-2:8010",
          ),
        )
        .action(show),
    )
    .addCommand(
      withAddresses(new Command("reset"))
        .description(
          "reset circuit breakers: the partitions resume, and bad records of the next batch become dead letters",
        )
        .option("--partition <number>", "reset only this partition", wholeNumber(0, 1e6))
        .addHelpText("after", examples("breaker reset --partition 3"))
        .action(reset),
    );

const withAddresses = (command: Command): Command =>
  command
    .option("--url <url...>", "the admin address of each processor", [ADMIN_URL])
    .option("--json", "print JSON", false);

async function show({ url, json }: Options): Promise<void> {
  const open = await askAll(url, "/breaker", "GET");
  const rows = open.flatMap(({ at, answer }) =>
    (answer as { open: OpenBreaker[] }).open.map((one) => Object.assign(one, { at })),
  );
  if (json) say(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0) say("no circuit breaker is open\n");
  else {
    const cells = rows.map(({ at, partition, since, reason }) => [
      String(partition),
      since,
      reason,
      at,
    ]);
    say(`${renderTable([["PARTITION", "SINCE", "REASON", "PROCESSOR"], ...cells])}\n`);
  }
  if (rows.length > 0) process.exitCode = 1;
}

async function reset({ url, partition, json }: Options & { partition?: number }): Promise<void> {
  const path = partition === undefined ? "/breaker/reset" : `/breaker/reset?partition=${partition}`;
  const attempt = {
    action: "breaker.reset",
    objectKind: "breaker",
    object: partition === undefined ? "*" : String(partition),
    after: { processors: url },
  };
  const options = { isDry: false, summaryOf: (done: readonly number[]) => ({ partitions: done }) };
  const partitions = await logged(attempt, options, async () => {
    const answers = await askAll(url, path, "POST");
    return answers.flatMap(({ answer }) => (answer as { reset: number[] }).reset);
  });
  const text =
    partitions.length === 0
      ? "no circuit breaker was open"
      : `reset the circuit breakers of partitions ${partitions.join(", ")}`;
  say(json ? `${JSON.stringify({ partitions })}\n` : `${text}\n`);
}

async function askAll(
  urls: readonly string[],
  path: string,
  method: "GET" | "POST",
): Promise<{ at: string; answer: unknown }[]> {
  return Promise.all(
    urls.map(async (at) => {
      try {
        const answer = await fetch(new URL(path, at), {
          method,
          signal: AbortSignal.timeout(5_000),
        });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        return { at, answer: await answer.json() };
      } catch (error) {
        throw new Error(
          `the processor's admin port at ${at} does not answer (${messageOf(error)}). Set its address with --url`,
          { cause: error },
        );
      }
    }),
  );
}
