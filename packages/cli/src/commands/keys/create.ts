import { createKey, type CreatedKey } from "@fiberstream/access/key-table";
import { terminalText } from "@fiberstream/runtime/terminal-text";
import { Command, InvalidArgumentError } from "commander";
import { changeAsOperator } from "../../tables/with-pool.ts";
import { tenantName } from "./tenant-name.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { durationSeconds } from "@fiberstream/terminal/durations";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

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

/** The largest value of the column. */
export const MAX_NODES_OF_COLUMN = 2 ** 31 - 1;
/** The default burst: the events of so many seconds. */
const BURST_SECONDS = 10;

/** `fiber keys create` */
export const keysCreateCommand = (): Command =>
  new Command("create")
    .description("create an API key and print its token; the token is shown only once")
    .requiredOption("--tenant <name>", "the tenant that the events belong to", tenantName)
    .requiredOption(
      "--nodes <pattern>",
      "the nodes: one node id, or a prefix and *, such as 'acme-*'",
      pattern,
    )
    .option("--rate <number>", "events per second", wholeNumber(1, 1e9), 100)
    .option("--burst <number>", "events at once; default: 10 times the rate", wholeNumber(1, 1e9))
    .option(
      "--max-nodes <number>",
      "how many nodes within 30 days; default: 10000",
      wholeNumber(1, MAX_NODES_OF_COLUMN),
    )
    .option("--signed", "require a signature on each request", false)
    .option(
      "--expires-in <duration>",
      "let the key expire, e.g. after 90d or 12h; default: never",
      durationSeconds,
    )
    .option("--jwt-subject <sub>", "create a key without a secret, for JWTs with this subject")
    .option("--note <text>", "what the key is for")
    .option("--json", "print JSON", false)
    .addHelpText(
      "after",
      examples("keys create --tenant acme --nodes 'acme-*' --rate 200 --note 'relay in Accra'"),
    )
    .action(async (options: Options) => {
      const { tenant: owner, nodes, rate, burst = rate * BURST_SECONDS, expiresIn } = options;
      const { maxNodes } = options;
      if (options.signed && options.jwtSubject !== undefined) {
        throw new Error("--signed needs a secret, and a key for JWTs (--jwt-subject) has none");
      }
      const attempt = { action: "key.created", objectKind: "key", object: nodes, tenant: owner };
      const created = await changeAsOperator(attempt, (client) =>
        createKey(client, {
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
  const summary = `Key ${row.key_id} of tenant ${row.tenant}, for ${terminalText(row.node_pattern)}.\n`;
  if (token === undefined)
    return `${summary}It is for JWTs with the subject ${terminalText(row.jwt_subject ?? "")}.\n`;
  return `${summary}Save the token now; it cannot be shown again:\n\n  Authorization: Bearer ${token}\n`;
}

export function pattern(text: string): string {
  if (/^[^*]{0,50}\*?$/.test(text) && text !== "") return text;
  throw new InvalidArgumentError(
    "It must be one node id, or a prefix of at most 50 characters and *.",
  );
}
