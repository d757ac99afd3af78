import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";

const BIN = 2n ** 48n;

/** A distribution as the roll-ups have it: bins in order, each with the number of its events. */
const distribution = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 289 }), fc.integer({ min: 1, max: 9 })), {
    selector: ([bin]) => bin,
    maxLength: 290,
    size: "max",
  })
  .map((bins) => bins.toSorted(([one], [other]) => one - other));
type Distribution = [bin: number, count: number][];
const entriesOf = (bins: Distribution) =>
  bins.length === 0 ? null : bins.map(([bin, count]) => String(BigInt(bin) * BIN + BigInt(count)));

function mergedOf(distributions: readonly Distribution[]) {
  const counts = new Map<number, number>();
  for (const [bin, count] of distributions.flat()) counts.set(bin, (counts.get(bin) ?? 0) + count);
  return entriesOf([...counts].toSorted(([one], [other]) => one - other));
}

describe("latency_merge", () => {
  let database: TestDatabase;
  let client: pg.Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  // One distribution, few entries and many are held in different ways; workers join each with each.
  const any = fc.array(
    fc.oneof(
      distribution,
      fc.constant([] as Distribution),
      distribution.map((bins) => bins.slice(0, 2)),
    ),
    { maxLength: 12 },
  );

  it("adds up the numbers of each bin", async () => {
    await fc.assert(
      fc.asyncProperty(any, async (distributions) => {
        const { rows } = await client.query<{ merged: string[] | null }>(
          `SELECT latency_merge(bins) AS merged
           FROM (SELECT (SELECT array_agg(entry::bigint ORDER BY place)
                         FROM jsonb_array_elements_text(CASE WHEN list <> 'null' THEN list END) WITH ORDINALITY AS e (entry, place)) AS bins
                 FROM jsonb_array_elements($1) AS list) AS distributions`,
          [JSON.stringify(distributions.map(entriesOf))],
        );
        expect(rows[0]?.merged ?? null).toEqual(mergedOf(distributions));
      }),
      { numRuns: 200 },
    );
  });

  it("adds up what parallel workers have added up", async () => {
    const state = (name: string, at: number) =>
      `(SELECT state FROM (
          SELECT $${at}::jsonb AS lists
        ) AS given CROSS JOIN LATERAL (
          WITH RECURSIVE step (place, state) AS (
            SELECT 0, NULL::bigint[]
            UNION ALL
            SELECT place + 1, latency_bins_add(state, (
              SELECT array_agg(entry::bigint ORDER BY n)
              FROM jsonb_array_elements_text(CASE WHEN lists -> place <> 'null' THEN lists -> place END) WITH ORDINALITY AS e (entry, n)))
            FROM step WHERE place < jsonb_array_length(lists)
          )
          SELECT state FROM step ORDER BY place DESC LIMIT 1
        ) AS ${name})`;
    await fc.assert(
      fc.asyncProperty(any, any, async (ofOne, ofOther) => {
        const { rows } = await client.query<{ merged: string[] | null }>(
          `SELECT latency_bins_of(latency_bins_combine(${state("one", 1)}, ${state("other", 2)})) AS merged`,
          [ofOne, ofOther].map((lists) => JSON.stringify(lists.map(entriesOf))),
        );
        expect(rows[0]?.merged ?? null).toEqual(mergedOf([...ofOne, ...ofOther]));
      }),
      { numRuns: 200 },
    );
  });
});
