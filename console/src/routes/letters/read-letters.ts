import type { DeadLetter, DeadLetterFilter } from "@fiberstream/kafka/dead-letters";
import { describeValue } from "@fiberstream/kafka/describe-value";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import {
  createSelectLetters,
  dlqFilter,
  letterFilter,
  type LetterFilter,
} from "../../letters/letter-filter.ts";
import type { FindOwners } from "../../letters/letter-owners.ts";
import { failedAtMs, type LetterSource } from "../../letters/letter-source.ts";
import { letterSchema, viewOf, wholeLetterSchema, wholeViewOf } from "../../letters/letter-view.ts";
import type { Rest, SearchResult } from "../../letters/newest-letters.ts";
import type { Cursors, Position } from "../../questions/cursors.ts";
import { askKafka } from "../../questions/kafka-question.ts";
import { isEverything, sees, type TenantScope } from "../../access/scope.ts";
import { longCursorParameter, nothing, numberInPath, wholeNumber } from "../parameters.ts";
import { type Route, route } from "../route.ts";

export type Letters = {
  readonly source: LetterSource;
  readonly findOwners: FindOwners;
  readonly registry: Pick<SchemaRegistry, "writerType">;
  readonly namespace: string;
  /** Counts searches that ended before they had looked at everything. */
  readonly countCutSearch: () => void;
};

const searched = z.object({
  complete: z.boolean().describe("Everything in the range has been looked at."),
  back_to: z
    .string()
    .nullable()
    .describe("Letters that failed after this time have been looked at, if not complete."),
  letters: z
    .number()
    .int()
    .nullable()
    .describe("Letters that were read; null for keys of one tenant."),
  bytes: z.number().int().nullable(),
});

const OWN_LETTERS =
  "A key of one tenant sees only letters whose event can be decoded and says that it is the tenant's; all others are shown to keys of all tenants only.";
const LOOKED =
  "Kafka has no index of dead letters: they are read from the newest back, for at most 2 s, 50,000 letters and 32 MB. meta.searched says how far.";

/** The routes that read the dead-letter topic. */
export const readLettersRoutes = (letters: Letters, cursors: Cursors): Route[] => [
  listLetters(letters, cursors),
  countLetters(letters),
  oneLetter(letters),
];

const listLetters = (letters: Letters, cursors: Cursors) =>
  route({
    method: "GET",
    path: "/api/v1/dead-letters",
    operationId: "listDeadLetters",
    summary: "Returns dead letters, the newest first",
    description: `${LOOKED} A page that ends before that has fewer than limit (even none), and a next_cursor with which the search goes on. ${OWN_LETTERS}`,
    permission: "deadletters:read",
    cost: 20,
    readsKafka: true,
    schemas: {
      path: nothing,
      query: z.strictObject({
        ...letterFilter,
        cursor: longCursorParameter,
        limit: wholeNumber({ min: 1, max: 500, standard: 50 }),
      }),
    },
    success: {
      status: 200,
      name: "DeadLetters",
      schema: z.object({
        data: z.array(letterSchema),
        meta: z.object({ next_cursor: z.string().nullable(), searched }),
      }),
    },
    codes: ["INVALID_CURSOR", "KAFKA_UNAVAILABLE"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      // Without its times: an age is another time at each page.
      const { from: _from, to: _to, ...named } = filter;
      const question = JSON.stringify(["dead-letters", scope.grants, named]);
      const rest = cursor === undefined ? undefined : restIn(cursors.read(question, cursor));
      const found = await search(letters, {
        filter,
        scope,
        limit,
        rest,
        keep: (letter) => ({
          offset: BigInt(letter.offset),
          failedAtMs: failedAtMs(letter),
          view: viewOf(letter),
        }),
      });
      return jsonAnswer(200, {
        data: found.items.map(({ view }) => view),
        meta: {
          next_cursor:
            found.rest.length === 0 ? null : cursors.write(question, positionOf(found.rest)),
          searched: searchedOf(found, scope),
        },
      });
    },
  });

const group = z.object({
  reason: z.string(),
  stage: z.string(),
  topic: z.string().describe("That the records came from."),
  count: z.number().int(),
  redriven: z.number().int().describe("How many of them were redriven before, and failed again."),
  first: z.string(),
  last: z.string(),
});
type Group = z.output<typeof group>;
const MAX_GROUPS = 1_000;

const countLetters = (letters: Letters) =>
  route({
    method: "GET",
    path: "/api/v1/dead-letters/counts",
    operationId: "countDeadLetters",
    summary: "Counts dead letters by reason, stage and topic",
    description: `${LOOKED} Letters before that are not counted. ${OWN_LETTERS}`,
    permission: "deadletters:read",
    cost: 50,
    readsKafka: true,
    schemas: { path: nothing, query: z.strictObject(letterFilter) },
    success: {
      status: 200,
      name: "DeadLetterCounts",
      schema: z.object({ data: z.array(group), meta: z.object({ searched }) }),
    },
    codes: ["KAFKA_UNAVAILABLE"],
    answer: async ({ query: filter }, { scope }) => {
      const groups = new Map<string, Group>();
      const found = await search(letters, {
        filter,
        scope,
        limit: Infinity,
        rest: undefined,
        keep: (letter) => {
          addTo(groups, letter);
          return undefined;
        },
      });
      return jsonAnswer(200, {
        data: [...groups.values()].toSorted((a, b) => b.count - a.count),
        meta: { searched: searchedOf(found, scope) },
      });
    },
  });

function addTo(groups: Map<string, Group>, letter: DeadLetter): void {
  const { reason, stage, origin, failed_at: at, replays } = viewOf(letter);
  const name = JSON.stringify([reason, stage, origin.topic]);
  const known = groups.get(name);
  // The names are texts of headers, of which there may be any number.
  if (known === undefined && groups.size >= MAX_GROUPS) return;
  const counted = known ?? {
    reason,
    stage,
    topic: origin.topic,
    count: 0,
    redriven: 0,
    first: at,
    last: at,
  };
  counted.count++;
  if (replays > 0) counted.redriven++;
  if (at < counted.first) counted.first = at;
  if (at > counted.last) counted.last = at;
  groups.set(name, counted);
}

/** As many digits as a number in a path may have. */
const MAX_OFFSET = 999_999_999_999_999;

const oneLetter = ({ source, findOwners, registry }: Letters) =>
  route({
    method: "GET",
    path: "/api/v1/dead-letters/{partition}/{offset}",
    operationId: "getDeadLetter",
    summary: "Returns one dead letter with its record, bytes and headers",
    description: OWN_LETTERS,
    permission: "deadletters:read",
    cost: 5,
    readsKafka: true,
    schemas: {
      path: z.strictObject({
        partition: numberInPath(1_000_000),
        offset: numberInPath(MAX_OFFSET),
      }),
      query: nothing,
    },
    success: {
      status: 200,
      name: "DeadLetter",
      schema: z.object({ data: wholeLetterSchema }),
    },
    codes: ["NO_SUCH_LETTER", "KAFKA_UNAVAILABLE"],
    answer: async ({ path: { partition, offset } }, { scope }) => {
      const found = await askKafka(async (stopping) => {
        const letter = await source.at({ partition, offset: BigInt(offset) }, stopping);
        if (letter === undefined) return undefined;
        const owner = (await findOwners([letter]))(letter);
        return { letter, owner, value: await describeValue(registry, letter) };
      });
      const isVisible =
        isEverything(scope) || (found?.owner !== undefined && sees(scope, found.owner));
      // The same answer for letters of others, so that nobody learns where they are.
      if (found === undefined || !isVisible) {
        throw new Refusal(
          "NO_SUCH_LETTER",
          "there is no dead letter at this position (any more), or it is not certain whose it is",
        );
      }
      return jsonAnswer(200, {
        data: wholeViewOf(found.letter, { ...found, isOperator: isEverything(scope) }),
      });
    },
  });

type Kept = { readonly offset: bigint; readonly failedAtMs: number };

async function search<Item extends Kept>(
  { source, findOwners, namespace, countCutSearch }: Letters,
  options: {
    filter: LetterFilter;
    scope: TenantScope;
    limit: number;
    rest: readonly Rest[] | undefined;
    /** Returns what to keep of a letter; undefined: nothing. */
    keep: (letter: DeadLetter) => Item | undefined;
  },
): Promise<SearchResult<Item>> {
  const { filter, scope, limit, rest, keep } = options;
  const select = createSelectLetters({
    filter: dlqFilter(filter, namespace) satisfies DeadLetterFilter,
    scope,
    tenant: filter.tenant,
    findOwners,
  });
  const found = await askKafka((stopping) =>
    source.newest<Item>({
      keep: async (letters) => (await select(letters)).flatMap((letter) => keep(letter) ?? []),
      limit,
      from: filter.from,
      rest,
      stopping,
    }),
  );
  if (found.items.length < limit && found.rest.length > 0) countCutSearch();
  return found;
}

const searchedOf = (found: SearchResult<unknown>, scope: TenantScope) => ({
  complete: found.rest.length === 0,
  back_to: found.backToMs === undefined ? null : new Date(found.backToMs).toISOString(),
  // How many letters others have is none of a tenant's business.
  letters: isEverything(scope) ? found.letters : null,
  bytes: isEverything(scope) ? found.bytes : null,
});

const positionOf = (rest: readonly Rest[]): Position =>
  rest.flatMap(({ partition, before, boundMs }) => [
    partition,
    String(before),
    boundMs === Infinity ? "" : boundMs,
  ]);

function restIn(position: Position): Rest[] {
  const rest: Rest[] = [];
  for (let at = 0; at + 2 < position.length; at += 3) {
    const [partition, before = "0", bound] = position.slice(at, at + 3);
    rest.push({
      partition: Number(partition),
      before: BigInt(before),
      boundMs: bound === "" ? Infinity : Number(bound),
    });
  }
  return rest;
}
