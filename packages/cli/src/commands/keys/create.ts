import { terminalText } from "@fiberstream/runtime/terminal-text";
import { Command, InvalidArgumentError } from "commander";
import { type CreatedKey, withKeyTable } from "../../tables/key-table.ts";
import { tenantName } from "./tenant-name.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { durationSeconds } from "@fiberstream/terminal/durations";
import { say } from "@fiberstream/terminal/say";

type Options = {
  readonly tenant: string;
  readonly nodes: string;
  readonly rate: number;
  readonly burst?: number;
  readonly maxNodes?: number;
  readonly signed: boolean;
  readonly expiresIn?: number;
  readonly jwtSubject?: string;
  readonly note?: string;
  readonly json: boolean;
};

/** What the column can hold. */
export const MOST_NODES = 2 ** 31 - 1;
/** A bucket of this many seconds' events, where nothing else is said. */
const BURST_SECONDS = 10;

/** `fiber keys create` */
export const keysCreateCommand = (): Command =>
  new Command("create")
    .description("create a key and show its token, once")
    .requiredOption("--tenant <name>", "whose events they are", tenantName)
    .requiredOption(
      "--nodes <pattern>",
      "one node id, or a prefix and *, such as 'acme-*'",
      pattern,
    )
    .option("--rate <number>", "events a second", wholeNumber(1, 1e9), 100)
    .option("--burst <number>", "events at once (10 times the rate)", wholeNumber(1, 1e9))
    .option(
      "--max-nodes <number>",
      "how many nodes within 30 days (10000)",
      wholeNumber(1, MOST_NODES),
    )
    .option("--signed", "each request has to be signed", false)
    .option("--expires-in <duration>", "such as 90d or 12h; never by default", durationSeconds)
    .option("--jwt-subject <sub>", "no secret: for JWTs with this subject")
    .option("--note <text>", "what it is for")
    .option("--json", "as JSON", false)
    .action(async (options: Options) => {
      const { tenant: owner, nodes, rate, burst = rate * BURST_SECONDS, expiresIn } = options;
      const { maxNodes } = options;
      if (options.signed && options.jwtSubject !== undefined) {
        throw new Error("a signature is made with a secret, which a key for JWTs does not have");
      }
      const created = await withKeyTable(({ create }) =>
        create({
          tenant: owner,
          node_pattern: nodes,
          rate_per_second: rate,
          burst,
          ...(maxNodes !== undefined && { max_nodes: maxNodes }),
          requires_signature: options.signed,
          expires_at: expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1_000),
          jwt_subject: options.jwtSubject ?? null,
          note: options.note ?? null,
        }),
      );
      say(renderCreated(created, options.json));
    });

export function renderCreated({ row, token }: CreatedKey, json: boolean): string {
  if (json) return `${JSON.stringify({ ...row, token })}\n`;
  const what = `Key ${row.key_id} of tenant ${row.tenant}, for ${terminalText(row.node_pattern)}.\n`;
  if (token === undefined)
    return `${what}It stands for JWTs with the subject ${terminalText(row.jwt_subject ?? "")}.\n`;
  return `${what}The token is shown now and never again:\n\n  Authorization: Bearer ${token}\n`;
}

function pattern(text: string): string {
  if (/^[^*]{0,50}\*?$/.test(text) && text !== "") return text;
  throw new InvalidArgumentError("It is one node id, or a prefix of at most 50 characters and *.");
}
