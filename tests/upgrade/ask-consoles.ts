import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import { Client } from "pg";

/** A console, while it is meant to answer. */
export type AskedConsole = { readonly name: string; readonly url: URL };

/** What the consoles answered. */
export type ConsoleAnswers = {
  /** Answers that were compared with the table, by console. */
  readonly right: Readonly<Record<string, number>>;
  /** Refusals that say why, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Wrong answers, and refusals that nobody can explain to an asker. */
  readonly failures: readonly string[];
};

/** What a console may say while the database is migrated or busy. Anything else is a fault of the mix of versions. */
const HONEST: ReadonlySet<string> = new Set(["DATABASE_UNAVAILABLE", "TOO_SLOW", "OVERLOADED"]);
const PAUSE_MS = 150;
const MINUTE_MS = 60_000;
const MAX_FAILURES = 20;

type Range = { readonly from: string; readonly to: string };
type Question = {
  readonly path: (range: Range) => string;
  /** Returns how many rows the answer counts; undefined if it says that it does not know all. */
  readonly countIn: (body: string) => number | undefined;
};

type Figures = { data: { events: number | null }; meta: { complete: boolean } };
type Series = { data: { series: { values: { events: (number | null)[] } }[] } } & Pick<
  Figures,
  "meta"
>;

/** Each counts the rows of a range of whole minutes, which only grow in number. */
const QUESTIONS: readonly Question[] = [
  {
    path: ({ from, to }) => `/api/v1/summary?from=${from}&to=${to}`,
    countIn: (body) => {
      const { data, meta } = JSON.parse(body) as Figures;
      return meta.complete ? (data.events ?? 0) : undefined;
    },
  },
  {
    path: ({ from, to }) =>
      `/api/v1/series?from=${from}&to=${to}&stats=events&resolution=1m&group=region`,
    countIn: (body) => {
      const { data, meta } = JSON.parse(body) as Series;
      if (!meta.complete) return undefined;
      const all = data.series.flatMap(({ values }) => values.events);
      return all.reduce<number>((sum, events) => sum + (events ?? 0), 0);
    },
  },
  {
    path: ({ from, to }) => `/api/v1/export?from=${from}&to=${to}`,
    countIn: (body) => Number(/^# end: (\d+) rows$/m.exec(body)?.[1] ?? Number.NaN),
  },
];

/** Questions whose answers only have to be there. */
const OTHERS: readonly string[] = [
  "/api/v1/nodes?limit=5",
  "/api/v1/nodes/latest",
  "/api/v1/events?limit=5",
  "/api/v1/top?from=-10m",
  "/api/v1/alerts",
  "/api/v1/changes?from=-10m",
  "/api/v1/quality",
  "/api/v1/jobs",
  "/api/metrics?limit=5",
  "/api/metrics/cluster",
];

/**
 * Asks all consoles again and again, and compares what they count with the table.
 * @param options.consoles returns those that are meant to answer now
 * @returns a function that ends it
 */
export function askConsoles(options: {
  consoles: () => readonly AskedConsole[];
  databaseUrl: string;
}): () => Promise<ConsoleAnswers> {
  const { consoles, databaseUrl } = options;
  const stop = new AbortController();
  const right: Record<string, number> = {};
  const refused: Record<string, number> = {};
  const failures: string[] = [];
  const begun = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;

  const fail = (text: string) => {
    if (failures.length < MAX_FAILURES) failures.push(text);
  };
  /** @returns the body of an answer; undefined if there is none */
  const ask = async ({ name, url }: AskedConsole, path: string): Promise<string | undefined> => {
    let answer: Response;
    let body: string;
    try {
      answer = await fetch(new URL(path, url));
      body = await answer.text();
    } catch (error) {
      // A console that was stopped meanwhile need not answer.
      if (consoles().some((one) => one.name === name)) {
        fail(`${name} did not answer ${path}: ${messageOf(error)}`);
      }
      return undefined;
    }
    if (answer.status === 200) return body;
    const { code = "", detail = "" } = JSON.parse(body) as { code?: string; detail?: string };
    if (HONEST.has(code)) refused[code] = (refused[code] ?? 0) + 1;
    else fail(`${name} answered ${path} with ${answer.status} ${code}: ${detail}`);
    return undefined;
  };

  const loop = async () => {
    const sql = new Client({ connectionString: databaseUrl });
    await sql.connect();
    const countOf = async ({ from, to }: Range) => {
      const text = "SELECT count(*)::float8 AS rows FROM metrics WHERE time >= $1 AND time < $2";
      return Number((await sql.query<{ rows: number }>(text, [from, to])).rows[0]?.rows);
    };
    const compare = async (console: AskedConsole, { path, countIn }: Question) => {
      const range = {
        from: new Date(begun).toISOString(),
        to: new Date(Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS).toISOString(),
      };
      const before = await countOf(range);
      const body = await ask(console, path(range));
      if (body === undefined) return;
      const counted = countIn(body);
      const after = await countOf(range);
      if (counted === undefined) return;
      if (counted >= before && counted <= after) {
        right[console.name] = (right[console.name] ?? 0) + 1;
      } else {
        fail(`${console.name} counts ${counted} rows by ${path(range)}, not ${before} to ${after}`);
      }
    };
    try {
      for (let round = 0; !stop.signal.aborted; round++) {
        for (const console of consoles()) {
          const question = QUESTIONS[round % QUESTIONS.length];
          if (question !== undefined) await compare(console, question);
          await ask(console, OTHERS[round % OTHERS.length] ?? "/api/v1/nodes");
        }
        await delay(PAUSE_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    } finally {
      await sql.end();
    }
  };

  const ended = loop().catch((error: unknown) =>
    fail(`the consoles were not asked: ${messageOf(error)}`),
  );
  return async () => {
    stop.abort();
    await ended;
    return { right, refused, failures };
  };
}
