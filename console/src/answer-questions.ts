import type { IncomingHttpHeaders } from "node:http";
import type { Authenticate } from "./access/authenticate.ts";
import type { RateLimits } from "./access/rate-limits.ts";
import type { Reader, Right } from "./access/reader.ts";
import type { Turns } from "./access/turns.ts";
import type { Answer, StreamedAnswer } from "./answers/answer.ts";
import { Refusal } from "./answers/refusal.ts";
import type { Question, Route } from "./routes/route.ts";

/** A request whose route was found. */
export type Request = {
  readonly headers: IncomingHttpHeaders;
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
};

/** @throws {Refusal} */
export type AnswerQuestion = (route: Route, request: Request) => Promise<Answer | StreamedAnswer>;

/**
 * The path of a question: who asks, may they, what does it cost, is it valid; then it waits for its turn at the database
 * and is answered. Questions that are equal and come together are answered once.
 */
export function createAnswerQuestion(options: {
  authenticate: Authenticate;
  rateLimits: RateLimits;
  turns: Turns;
  /** Of questions that read Kafka. */
  kafkaTurns: Turns;
  countShared: () => void;
}): AnswerQuestion {
  const { authenticate, rateLimits, turns, kafkaTurns, countShared } = options;
  const asked = new Map<string, Promise<Answer | StreamedAnswer>>();

  const turnsOf = (route: Route) => (route.readsKafka ? kafkaTurns : turns);

  const answerOnce = (
    route: Route,
    reader: Reader,
    { key, answer }: Question,
  ): Promise<Answer | StreamedAnswer> => {
    const name = JSON.stringify([reader.scope, key]);
    const running = asked.get(name);
    if (running !== undefined) {
      countShared();
      return running;
    }
    const begun = turnsOf(route)
      .run(reader.id, () => answer(reader))
      .finally(() => asked.delete(name));
    asked.set(name, begun);
    return begun;
  };

  const answerInTurn = (route: Route, reader: Reader, question: Question) => {
    if (route.isStreamed) return question.answer(reader);
    if (route.method === "GET") return answerOnce(route, reader, question);
    return turnsOf(route).run(reader.id, () => question.answer(reader));
  };

  return async (route, request) => {
    const reader = await authenticate(request);
    requireRight(reader, route);
    const limits = rateLimits.charge(reader, route.cost);
    const question = checked(route, request, limits);
    const answer = await withLimits(limits, () => answerInTurn(route, reader, question));
    return { ...answer, headers: { ...limits, ...answer.headers } };
  };
}

function requireRight({ rights }: Reader, { right }: Route): void {
  if (rights.has(right)) return;
  throw new Refusal(
    "NOT_ALLOWED",
    `this key may not do this: make one with \`fiber readers create ${OPTIONS[right]}\``,
  );
}

const OPTIONS = {
  read: "",
  nodes: "--may-change-nodes",
  redrive: "--may-redrive",
} as const satisfies Record<Right, string>;

const checked = (route: Route, request: Request, headers: Record<string, string>): Question => {
  try {
    return route.check(request);
  } catch (error) {
    throw withHeaders(error, headers);
  }
};

async function withLimits<T>(headers: Record<string, string>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw withHeaders(error, headers);
  }
}

/** A refusal tells what is left in the bucket, as an answer does. */
function withHeaders(error: unknown, headers: Record<string, string>): unknown {
  if (!(error instanceof Refusal)) return error;
  const { code, message, faults } = error;
  return new Refusal(code, message, { headers: { ...headers, ...error.headers }, faults });
}
