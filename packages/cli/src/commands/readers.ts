import {
  createReaderKey,
  listReaderKeys,
  type ReaderKeyRow,
  revokeReaderKey,
} from "@fiberstream/access/reader-key-table";
import { durationSeconds } from "@fiberstream/terminal/durations";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { examples } from "../options/examples.ts";
import { changeAsOperator, withPool } from "../tables/with-pool.ts";
import { tenantName } from "./keys/tenant-name.ts";

/** `fiber readers …`: who may ask the query API. */
export const readersCommand = (): Command =>
  new Command("readers")
    .description("manage the keys of readers of the query API (database: DATABASE_URL)")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());

type Options = {
  readonly tenant?: string;
  readonly mayChangeNodes: boolean;
  readonly mayRedrive: boolean;
  readonly rate?: number;
  readonly burst?: number;
  readonly expiresIn?: number;
  readonly note?: string;
  readonly json: boolean;
};

/** The default burst: the cost of so many seconds. */
const BURST_SECONDS = 10;

const createCommand = (): Command =>
  new Command("create")
    .description("create a reader key and print its token; the token is shown only once")
    .option("--tenant <name>", "the tenant whose data it may read; default: all", tenantName)
    .option(
      "--may-change-nodes",
      "allow it to edit and delete nodes, and without --tenant to register them",
      false,
    )
    .option("--may-redrive", "allow it to send dead letters back to their topics", false)
    .option(
      "--rate <number>",
      "cost of its questions per second; default: as the console's settings say",
      wholeNumber(1, 1e6),
    )
    .option("--burst <number>", "cost at once; default: 10 times the rate", wholeNumber(1, 1e7))
    .option(
      "--expires-in <duration>",
      "let the key expire, e.g. after 90d or 12h; default: never",
      durationSeconds,
    )
    .option("--note <text>", "what the key is for")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("readers create --tenant acme --note 'dashboard in Accra'"))
    .action(async (options: Options) => {
      const { tenant, rate, expiresIn } = options;
      if (rate === undefined && options.burst !== undefined)
        throw new Error("--burst needs --rate");
      const attempt = {
        action: "reader_key.created",
        objectKind: "reader_key",
        object: "-",
        ...(tenant !== undefined && { tenant }),
      };
      const { row, token } = await changeAsOperator(attempt, (client) =>
        createReaderKey(client, {
          tenant: tenant ?? null,
          may_change_nodes: options.mayChangeNodes,
          may_redrive: options.mayRedrive,
          rate_per_second: rate ?? null,
          burst: rate === undefined ? null : (options.burst ?? rate * BURST_SECONDS),
          expires_at: expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1_000),
          note: options.note ?? null,
        }),
      );
      say(
        options.json
          ? `${JSON.stringify({ ...row, token })}\n`
          : `Key ${row.key_id} reads the data of ${row.tenant ?? "all tenants"}.\n` +
              `Save the token now; it cannot be shown again:\n\n  Authorization: Bearer ${token}\n`,
      );
    });

const listCommand = (): Command =>
  new Command("list")
    .description("list reader keys and their permissions, without their secrets")
    .option("--revoked", "list revoked keys too", false)
    .option("--json", "print one JSON array", false)
    .addHelpText("after", examples("readers list --revoked"))
    .action(async ({ revoked, json }: { revoked: boolean; json: boolean }) => {
      const rows = await withPool((pool) => listReaderKeys(pool, { isRevokedToo: revoked }));
      say(json ? `${JSON.stringify(rows)}\n` : `${renderReaderKeys(rows)}\n`);
    });

const renderReaderKeys = (rows: readonly ReaderKeyRow[]): string =>
  renderTable([
    ["KEY", "TENANT", "MAY CHANGE NODES", "MAY REDRIVE", "COST", "STATE", "NOTE"],
    ...rows.map((row) => [
      row.key_id,
      row.tenant ?? "(all)",
      row.may_change_nodes ? "yes" : "no",
      row.may_redrive ? "yes" : "no",
      row.rate_per_second === null ? "default" : `${row.rate_per_second}/s, ${row.burst} at once`,
      stateOf(row),
      row.note ?? "",
    ]),
  ]);

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt }: ReaderKeyRow): string {
  if (revokedAt !== null) return `revoked ${revokedAt.toISOString()}`;
  if (expiresAt === null) return "good";
  return `${expiresAt <= new Date() ? "expired" : "valid until"} ${expiresAt.toISOString()}`;
}

const revokeCommand = (): Command =>
  new Command("revoke")
    .description("revoke a reader key permanently; all consoles reject it within 30 seconds")
    .argument("<key-id>")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("readers revoke <key-id>"))
    .action(async (keyId: string, { json }: { json: boolean }) => {
      const attempt = { action: "reader_key.revoked", objectKind: "reader_key", object: keyId };
      const row = await changeAsOperator(attempt, (client) => revokeReaderKey(client, keyId));
      say(`${json ? JSON.stringify(row) : `Key ${row.key_id} is revoked.`}\n`);
    });
