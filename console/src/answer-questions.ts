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
import type { AnswerMemory } from "./answers/answer-memory.ts";
import type { KeptAnswers } from "./answers/kept-answers.ts";
import {
  beginQuestion,
  type QuestionInProgress,
  unreadAnswer,
} from "./answers/question-in-progress.ts";
import { Refusal } from "./answers/refusal.ts";
import { askingFor } from "./questions/asking.ts";
import type { Question, Route } from "./routes/route.ts";

/** A request whose route was found. */
export type Request = From & {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Called only for those who may ask: a body costs work and memory. */
  readonly readBody: () => Promise<unknown>;
  /** Aborted when the asker has disconnected. */
  readonly gone: AbortSignal;
  /** Called when it is known who asks. */
  readonly admitted: () => void;
};

/** @throws {Refusal} */
export type AnswerQuestion = (route: Route, request: Request) => Promise<Answer | StreamedAnswer>;

/**
 * The path of a question: who asks, may they, what does it cost; then its body is read and checked, and it waits for its turn at the database
 * and is answered. Questions that are equal and come together are answered once, and one whose askers have all left is cancelled. The answers
 * of some routes are given again for a while.
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
  memory: AnswerMemory;
  kept: KeptAnswers;
  countShared: () => void;
}): AnswerQuestion {
  const { authenticate, rateLimits, turns, kafkaTurns, memory, kept, countShared } = options;
  const { recordAttempt, countEndOfAccess } = options;
  const asked = new Map<string, QuestionInProgress>();

  const turnsOf = (route: Route) => (route.readsKafka ? kafkaTurns : turns);

  const begin = (route: Route, asker: Asker, question: Question, ended: () => void) =>
    beginQuestion({
      memory,
      readerId: asker.id,
      answer: (gone) => turnsOf(route).run(asker.id, () => whole(question.answer(asker)), gone),
      ended,
    });

  const answerOnce = (route: Route, asker: Asker, question: Question): QuestionInProgress => {
    const name = nameOf(asker, question);
    const running = asked.get(name);
    if (running !== undefined) {
      countShared();
      return running;
    }
    const begun = begin(route, asker, question, () => {
      if (asked.get(name) === begun) asked.delete(name);
    });
    asked.set(name, begun);
    return begun;
  };

  const answerInTurn = (
    route: Route,
    asker: Asker,
    question: Question,
    gone: AbortSignal,
  ): Promise<Answer | StreamedAnswer> => {
    if (route.isStreamed || route.hasOwnTurns) {
      return askingFor({ gone, received: () => undefined }, () => question.answer(asker));
    }
    const { id } = asker;
    if (route.method !== "GET") {
      return begin(route, asker, begunIsDone(question), () => undefined).join(id, gone);
    }
    const asking = isShared(route)
      ? answerOnce(route, asker, question)
      : begin(route, asker, question, () => undefined);
    return asking.join(id, gone);
  };

  const answerOrKept = async (
    route: Route,
    asker: Asker,
    question: Question,
    gone: AbortSignal,
  ): Promise<Answer | StreamedAnswer> => {
    if (!route.isKept) return answerInTurn(route, asker, question, gone);
    const name = nameOf(asker, question);
    const known = kept.find(name);
    if (known !== undefined) {
      countShared();
      return unreadAnswer(memory, asker.id, known);
    }
    const askedAtMs = performance.now();
    const answer = await answerInTurn(route, asker, question, gone);
    if ("body" in answer) kept.keep(name, answer, performance.now() - askedAtMs);
    return answer;
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
    if (reader.kind !== "anyone") request.admitted();
    let limits = rateLimits.charge(reader, route.cost);
    const answer = await withLimits(limits, async () => {
      try {
        const asker = askerOf(reader, scopeAt(route.permission, reader), request);
        const body = route.schemas.body === undefined ? undefined : await request.readBody();
        const question = route.check({ ...request, body });
        if (question.extraCost > 0) limits = rateLimits.charge(reader, question.extraCost);
        return await answerOrKept(route, asker, question, request.gone);
      } catch (error) {
        if (isDenial(error)) recordAttempt(actorAt(reader, request), denied(route, error));
        throw error;
      }
    });
    const headers = { ...limits, ...answer.headers, ...cachingFor(reader, answer) };
    const limited = { ...answer, headers };
    if (!("stream" in limited)) return limited;
    return endsWithAccess(limited, {
      isAllowed: () => isStillAllowed(route, request, reader),
      countEnd: countEndOfAccess,
    });
  };
}

/** A browser is used by several people: it asks again each time, and gets 304 if nothing has changed. */
const cachingFor = (
  { kind }: Reader,
  { headers }: Answer | StreamedAnswer,
): Readonly<Record<string, string>> =>
  kind === "user" && headers?.["Cache-Control"] !== undefined
    ? { "Cache-Control": "private, no-cache" }
    : {};

const NEVER = new AbortController().signal;

/** A change is not cancelled once it has begun: whoever asked for it and left may count on it. */
const begunIsDone = ({ answer, ...question }: Question): Question => ({
  ...question,
  answer: (asker) => askingFor({ gone: NEVER, received: () => undefined }, () => answer(asker)),
});

async function whole(answering: Promise<Answer | StreamedAnswer>): Promise<Answer> {
  const answer = await answering;
  if ("body" in answer) return answer;
  throw new Error("a route that is not declared as streamed streams its answer");
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

/** Of questions with the same name the answers are equal. */
const nameOf = ({ rights }: Asker, { key }: Question): string => JSON.stringify([rights, key]);

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
