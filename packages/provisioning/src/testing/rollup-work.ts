/** Runs a statement on either edition. */
export type Sql = (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** Widths of the roll-ups in minutes, by the names of their views. */
export const WIDTHS = { "1m": 1, "5m": 5, "1h": 60, "1d": 1_440 } as const;
export type WidthName = keyof typeof WIDTHS;

/** Computes everything that is marked. */
export async function settle(sql: Sql): Promise<void> {
  for (let more: unknown = true; more === true;) {
    [{ more }] = (await sql("SELECT rollup_backfill_step(100000) AS more")) as [{ more: unknown }];
  }
  for (const width of Object.values(WIDTHS)) {
    for (let pairs: unknown; pairs !== 0;) {
      [{ pairs }] = (await sql("SELECT pairs FROM rollup_refresh($1::integer, 'infinity', 1000)", [
        width,
      ])) as [{ pairs: unknown }];
    }
  }
}

/** Seals what is older than rows are kept, as far as nothing waits to be counted. */
export async function seal(sql: Sql): Promise<void> {
  for (let more: unknown = true; more === true;) {
    [{ more }] = (await sql("SELECT rollup_seal_step(25) AS more")) as [{ more: unknown }];
  }
}

/** Seals, and drops what is sealed. */
export async function retain(sql: Sql): Promise<void> {
  await seal(sql);
  await sql("SELECT drop_old_chunks()");
}

/** Erases sealed roll-ups of a node or a tenant, as an operator's command does after it has deleted their rows. */
export async function eraseSealed(
  sql: Sql,
  { node, tenant }: { node: string | null; tenant: string | null },
): Promise<void> {
  for (let erased: unknown; erased !== 0;) {
    [{ erased }] = (await sql(
      "SELECT rollup_erase('-infinity', 'infinity', $1::text, $2::text) AS erased",
      [node, tenant],
    )) as [{ erased: unknown }];
  }
}
