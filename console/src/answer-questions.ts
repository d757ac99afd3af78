import type { Authenticate } from "./access/authenticate.ts";
import type { RateLimits } from "./access/rate-limits.ts";
import { type Asker, anyoneAt, type From, type Reader } from "./access/reader.ts";
import type { TenantScope } from "./access/scope.ts";
import { scopeAt } from "./access/scope-at.ts";
import type { Turns } from "./access/turns.ts";
import type { Answer, StreamedAnswer } from "./answers/answer.ts";
import { Refusal } from "./answers/refusal.ts";
import type { Question, Route } from "./routes/route.ts";

/** A request whose route was found. */
export type Request = From & {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Called only for those who may ask: a body costs work and memory. */
  readonly readBody: () => Promise<unknown>;
};

/** @throws {Refusal} */
export type AnswerQuestion = (route: Route, request: Request) => Promise<Answer | StreamedAnswer>;

/**
 * The path of a question: who asks, may they, what does it cost; then its body is read and checked, and it waits for its turn at the database
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
    asker: Asker,
    { key, answer }: Question,
  ): Promise<Answer | StreamedAnswer> => {
    const name = JSON.stringify([asker.rights, key]);
    const running = asked.get(name);
    if (running !== undefined) {
      countShared();
      return running;
    }
    const begun = turnsOf(route)
      .run(asker.id, () => answer(asker))
      .finally(() => asked.delete(name));
    asked.set(name, begun);
    return begun;
  };

  const answerInTurn = (route: Route, asker: Asker, question: Question) => {
    if (route.isStreamed) return question.answer(asker);
    if (route.method === "GET" && isShared(route)) return answerOnce(route, asker, question);
    return turnsOf(route).run(asker.id, () => question.answer(asker));
  };

  return async (route, request) => {
    const reader =
      route.permission === "anyone" ? anyoneAt(request.address) : await authenticate(request);
    const asker = askerOf(reader, scopeAt(route.permission, reader), request);
    const limits = rateLimits.charge(reader, route.cost);
    const answer = await withLimits(limits, async () => {
      const body = route.schemas.body === undefined ? undefined : await request.readBody();
      return answerInTurn(route, asker, route.check({ ...request, body }));
    });
    return { ...answer, headers: { ...limits, ...answer.headers } };
  };
}

const askerOf = (reader: Reader, scope: TenantScope, from: From): Asker => ({
  ...reader,
  actor: { ...reader.actor, address: from.address, requestId: from.requestId },
  scope,
  from,
});

/** What is about one person, or sets cookies, is never the answer of another one. */
const isShared = ({ permission }: Route): boolean =>
  permission !== "self" && permission !== "anyone";

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
