import { renderTable } from "@fiberstream/terminal/table";
import { messageOf } from "@fiberstream/runtime/errors";
import { SERVICES } from "@fiberstream/runtime/services";
import { Command } from "commander";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

type Options = { readonly url: string[]; readonly json: boolean };
type OpenBreaker = { readonly partition: number; readonly since: string; readonly reason: string };

const ADMIN_URL = `http://127.0.0.1:${SERVICES["stream-processor"].adminPort}`;

/** `fiber breaker show|reset`: inspect and reset tripped circuit breakers. */
export const breakerCommand = (): Command =>
  new Command("breaker")
    .description("inspect and reset tripped circuit breakers")
    .addCommand(
      withAddresses(new Command("show"))
        .description("list open breakers, since when and why; exit code 1 when there is one")
        .action(show),
    )
    .addCommand(
      withAddresses(new Command("reset"))
        .description("reset breakers: bad records of their next batch are dead-lettered")
        .option("--partition <number>", "only this one", wholeNumber(0, 1e6))
        .action(reset),
    );

const withAddresses = (command: Command): Command =>
  command
    .option("--url <url...>", "the admin address of each processor", [ADMIN_URL])
    .option("--json", "as JSON", false);

async function show({ url, json }: Options): Promise<void> {
  const open = await askAll(url, "/breaker", "GET");
  const rows = open.flatMap(({ at, answer }) =>
    (answer as { open: OpenBreaker[] }).open.map((one) => Object.assign(one, { at })),
  );
  if (json) say(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0) say("no partition stands still\n");
  else {
    const cells = rows.map(({ at, partition, since, reason }) => [
      String(partition),
      since,
      reason,
      at,
    ]);
    say(`${renderTable([["PARTITION", "SINCE", "WHY", "PROCESSOR"], ...cells])}\n`);
  }
  if (rows.length > 0) process.exitCode = 1;
}

async function reset({ url, partition, json }: Options & { partition?: number }): Promise<void> {
  const path = partition === undefined ? "/breaker/reset" : `/breaker/reset?partition=${partition}`;
  const answers = await askAll(url, path, "POST");
  const partitions = answers.flatMap(({ answer }) => (answer as { reset: number[] }).reset);
  const text = partitions.length === 0 ? "none stood still" : `go on: ${partitions.join(", ")}`;
  say(json ? `${JSON.stringify({ partitions })}\n` : `partitions ${text}\n`);
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
          `the processor's admin port at ${at} does not answer (${messageOf(error)}); --url says where it is`,
          { cause: error },
        );
      }
    }),
  );
}
