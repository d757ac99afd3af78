import type { Moment } from "@fiberstream/kafka/dead-letters";
import { terminalText } from "@fiberstream/runtime/terminal-text";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { renderTable } from "@fiberstream/terminal/table";
import { Command, Option } from "commander";
import { examples } from "../../options/examples.ts";
import { time } from "../../options/moment.ts";
import { type AuditFilter, type ListedEntry, listEntries } from "../../tables/audit-table.ts";
import { withPool } from "../../tables/with-pool.ts";
import { tenantName } from "../keys/tenant-name.ts";

type Options = Omit<AuditFilter, "fromMs" | "toMs"> & {
  readonly from?: Moment;
  readonly to?: Moment;
  readonly json: boolean;
};

/** `fiber audit list` */
export const auditListCommand = (): Command =>
  new Command("list")
    .description("list entries of the audit log, the newest first")
    .option("--actor <actor>", "only of this actor, by id or by name")
    .option("--action <action>", "only this action, or with a dot at the end all of a kind: key.")
    .option("--object <id>", "only about this object, such as a node or a key")
    .option("--tenant <name>", "only about this tenant", tenantName)
    .addOption(
      new Option("--outcome <outcome>", "only with this outcome").choices([
        "ok",
        "denied",
        "failed",
      ]),
    )
    .option("--from <time>", "only from this time on: ISO 8601, or an age such as 6h, 2d", time)
    .option("--to <time>", "only before this time, in the same format", time)
    .option("--limit <number>", "show at most so many", wholeNumber(1, 100_000), 50)
    .option("--json", "print one JSON object per entry", false)
    .addHelpText(
      "after",
      examples("audit list --actor ama --from 7d", "audit list --object probe-accra-01 --json"),
    )
    .action(async ({ json, from, to, ...filter }: Options) => {
      const times = { fromMs: from?.ms, toMs: to?.ms };
      const entries = await withPool((pool) => listEntries(pool, { ...filter, ...times }));
      if (json) for (const entry of entries) say(`${JSON.stringify(entry)}\n`);
      else say(entries.length === 0 ? "no entries\n" : `${renderEntries(entries)}\n`);
    });

export const renderEntries = (entries: readonly ListedEntry[]): string =>
  renderTable([
    ["ENTRY", "TIME", "ACTOR", "ACTION", "OBJECT", "TENANT", "OUTCOME"],
    ...entries.map(({ seq, at, actor_kind, actor, name, action, object, tenant, outcome }) => [
      String(seq),
      at,
      terminalText(`${actor_kind} ${name ?? actor}`),
      action,
      terminalText(object),
      tenant ?? "",
      outcome,
    ]),
  ]);
