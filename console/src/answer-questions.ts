import type { Actor, AuditEntry } from "@fiberstream/postgres/acting";
import type { RecordAttempt } from "./access/attempts.ts";
import type { Authenticate } from "./access/authenticate.ts";
import { endsWithAccess } from "./access/ends-with-access.ts";
import type { RateLimits } from "./access/rate-limits.ts";
import { type Asker, anyoneAt, type From, type Reader } from "./access/reader.ts";
import type { TenantScope } from "./access/scope.ts";
import { scopeAt } from "./access/scope-at.ts";
import { senderAt } from "./access/sign-in/address.ts";
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
  recordAttempt: RecordAttempt;
  /** Counts a stream or export that was cut, because its asker may no longer have it. */
  countEndOfAccess: () => void;
  rateLimits: RateLimits;
  turns: Turns;
  /** Of questions that read Kafka. */
  kafkaTurns: Turns;
  countShared: () => void;
}): AnswerQuestion {
  const { authenticate, rateLimits, turns, kafkaTurns, countShared } = options;
  const { recordAttempt, countEndOfAccess } = options;
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
    if (route.isStreamed || route.hasOwnTurns) return question.answer(asker);
    if (route.method === "GET" && isShared(route)) return answerOnce(route, asker, question);
    return turnsOf(route).run(asker.id, () => question.answer(asker));
  };

  const whoAsks = (route: Route, { headers, address, requestId }: Request) =>
    route.permission === "anyone"
      ? Promise.resolve(anyoneAt(senderAt(address)))
      : authenticate({ headers, address, requestId, isChange: route.method !== "GET" });

  /** Whether somebody who was answered before may still be; undefined while it cannot be known. */
  const isStillAllowed = async (route: Route, request: Request, { rights }: Reader) => {
    const { headers, address, requestId } = request;
    const isChange = route.method !== "GET";
    try {
      const known = { headers, address, requestId, isChange, isRecheck: true };
      return (await authenticate(known)).rights === rights;
    } catch (error) {
      return !(error instanceof Refusal) || error.code === "DATABASE_UNAVAILABLE";
    }
  };

  return async (route, request) => {
    const reader = await whoAsks(route, request);
    const limits = rateLimits.charge(reader, route.cost);
    const answer = await withLimits(limits, async () => {
      try {
        const asker = askerOf(reader, scopeAt(route.permission, reader), request);
        const body = route.schemas.body === undefined ? undefined : await request.readBody();
        return await answerInTurn(route, asker, route.check({ ...request, body }));
      } catch (error) {
        if (isDenial(error)) recordAttempt(actorAt(reader, request), denied(route, error));
        throw error;
      }
    });
    const limited = { ...answer, headers: { ...limits, ...answer.headers } };
    if (!("stream" in limited)) return limited;
    return endsWithAccess(limited, {
      isAllowed: () => isStillAllowed(route, request, reader),
      countEnd: countEndOfAccess,
    });
  };
}

const askerOf = (reader: Reader, scope: TenantScope, from: From): Asker => ({
  ...reader,
  actor: actorAt(reader, from),
  scope,
  // Only that: the request has its body, too.
  from: { address: from.address, requestId: from.requestId, headers: from.headers },
});

const actorAt = ({ actor }: Reader, { address, requestId }: From): Actor => ({
  ...actor,
  address,
  requestId,
});

const isDenial = (error: unknown): error is Refusal =>
  error instanceof Refusal && error.code === "NOT_ALLOWED";

/** The entry of somebody who may not do what they tried. */
const denied = ({ operationId, permission }: Route, { message }: Refusal): AuditEntry => ({
  action: "request.denied",
  objectKind: "operation",
  object: operationId,
  outcome: "denied",
  reason: message,
  after: { permission },
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
