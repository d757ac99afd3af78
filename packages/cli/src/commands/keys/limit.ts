import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";
import { createTenantLimits, type TenantLimit } from "../../tables/tenant-limits.ts";
import { tenantName } from "./tenant-name.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { withPool } from "../../tables/with-pool.ts";

type Options = {
  readonly rate?: number;
  readonly burst?: number;
  readonly none: boolean;
  readonly json: boolean;
};

/** A bucket of this many seconds' events, where nothing else is said. */
const BURST_SECONDS = 10;

/** `fiber keys limit` */
export const keysLimitCommand = (): Command =>
  new Command("limit")
    .description("show or set how much all keys of a tenant may send together")
    .argument("[tenant]", "shows the limits of all tenants when it is left out", tenantName)
    .option("--rate <number>", "events a second", wholeNumber(1, 1e9))
    .option("--burst <number>", "events at once (10 times the rate)", wholeNumber(1, 1e9))
    .option("--none", "no limit but those of its keys", false)
    .option("--json", "as JSON, one array", false)
    .action(async (tenant: string | undefined, options: Options) => {
      const limits = await withPool(async (pool) => {
        const table = createTenantLimits(pool);
        await change(table, tenant, options);
        const all = await table.list();
        return tenant === undefined ? all : all.filter((limit) => limit.tenant === tenant);
      });
      say(options.json ? `${JSON.stringify(limits)}\n` : `${renderLimits(limits)}\n`);
    });

async function change(
  { set, remove }: ReturnType<typeof createTenantLimits>,
  tenant: string | undefined,
  { rate, burst, none }: Options,
): Promise<void> {
  if (!none && rate === undefined && burst === undefined) return;
  if (tenant === undefined) throw new Error("say whose limit it is: fiber keys limit <tenant> …");
  if (none && (rate !== undefined || burst !== undefined)) {
    throw new Error("--none goes with neither --rate nor --burst");
  }
  if (none) return remove(tenant);
  if (rate === undefined) throw new Error("a limit needs a --rate");
  await set({ tenant, rate_per_second: rate, burst: burst ?? rate * BURST_SECONDS });
}

const renderLimits = (limits: readonly TenantLimit[]): string =>
  renderTable([
    ["TENANT", "EVENTS OF ALL ITS KEYS"],
    ...limits.map(({ tenant, rate_per_second, burst }) => [
      tenant,
      `${rate_per_second}/s, ${burst} at once`,
    ]),
  ]);
