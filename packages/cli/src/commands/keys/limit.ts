import { createTenantLimits, type TenantLimit } from "@fiberstream/access/tenant-limits";
import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";
import { tenantName } from "./tenant-name.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { changeAsOperator, withPool } from "../../tables/with-pool.ts";
import { examples } from "../../options/examples.ts";

type Options = {
  readonly rate?: number;
  readonly burst?: number;
  readonly none: boolean;
  readonly json: boolean;
};

/** The default burst: the events of so many seconds. */
const BURST_SECONDS = 10;

/** `fiber keys limit` */
export const keysLimitCommand = (): Command =>
  new Command("limit")
    .description("show or set the rate limit that all keys of a tenant share")
    .argument("[tenant]", "the tenant; without it, show the limits of all tenants", tenantName)
    .option("--rate <number>", "events per second", wholeNumber(1, 1e9))
    .option("--burst <number>", "events at once; default: 10 times the rate", wholeNumber(1, 1e9))
    .option("--none", "remove the tenant's limit; those of its keys remain", false)
    .option("--json", "print one JSON array", false)
    .addHelpText(
      "after",
      examples("keys limit", "keys limit acme --rate 1000 --burst 5000", "keys limit acme --none"),
    )
    .action(async (tenant: string | undefined, options: Options) => {
      await change(tenant, options);
      const limits = await withPool(async (pool) => {
        const all = await createTenantLimits(pool).list();
        return tenant === undefined ? all : all.filter((limit) => limit.tenant === tenant);
      });
      say(options.json ? `${JSON.stringify(limits)}\n` : `${renderLimits(limits)}\n`);
    });

async function change(tenant: string | undefined, { rate, burst, none }: Options): Promise<void> {
  if (!none && rate === undefined && burst === undefined) return;
  if (tenant === undefined) throw new Error("name the tenant: fiber keys limit <tenant> …");
  if (none && (rate !== undefined || burst !== undefined)) {
    throw new Error("--none cannot be combined with --rate or --burst");
  }
  const of = { objectKind: "tenant_limit", object: tenant, tenant };
  if (none) {
    return changeAsOperator({ ...of, action: "tenant_limit.deleted" }, (client) =>
      createTenantLimits(client).remove(tenant),
    );
  }
  if (rate === undefined) throw new Error("a limit needs a --rate");
  const limit = { tenant, rate_per_second: rate, burst: burst ?? rate * BURST_SECONDS };
  await changeAsOperator({ ...of, action: "tenant_limit.changed", after: limit }, (client) =>
    createTenantLimits(client).set(limit),
  );
}

const renderLimits = (limits: readonly TenantLimit[]): string =>
  renderTable([
    ["TENANT", "EVENTS OF ALL ITS KEYS"],
    ...limits.map(({ tenant, rate_per_second, burst }) => [
      tenant,
      `${rate_per_second}/s, ${burst} at once`,
    ]),
  ]);
