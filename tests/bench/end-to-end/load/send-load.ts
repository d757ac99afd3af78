import { type HttpConnection, openHttpConnection } from "../../harness/http-connection.ts";
import { quantilesOf } from "../../harness/quantiles.ts";
import { createRequestTemplate } from "./event-bytes.ts";
import type { LoadMessage, LoadNews, LoadPlan, LoadResult } from "./load-plan.ts";
import { watchMarkedRows } from "./marked-rows.ts";

const REPORT_INTERVAL_MS = 100;
/** One event per interval is followed to its row. */
const MARK_INTERVAL_MS = 20;

/** Sends until the time is over, all requests are answered, and the rows of the marked events are found. */
export async function sendLoad(
  load: LoadPlan,
  report: (message: LoadMessage) => void,
): Promise<LoadResult> {
  const { eventsPerRequest, pace } = load;
  const template = createRequestTemplate(load);
  const marked =
    load.databaseUrl === undefined ? undefined : await watchMarkedRows(load.databaseUrl);
  const inFlight = new Map<HttpConnection, { dueMs: number; mark: number | undefined }>();
  const free: HttpConnection[] = [];
  const answersMs: number[] = [];
  const refused: Record<string, number> = {};
  let [requests, sent, answered, accepted, acceptedMeasured, rows] = [0, 0, 0, 0, 0, 0];
  let lastMarkMs = 0;
  let isMeasuring = false;
  let dueMs = NaN;

  const send = (connection: HttpConnection, due: number) => {
    const nowMs = performance.now();
    const isMarked = marked !== undefined && isMeasuring && nowMs - lastMarkMs >= MARK_INTERVAL_MS;
    const { request, event } = template.fill(nowMicros(), requests++ % eventsPerRequest);
    if (isMarked) lastMarkMs = nowMs;
    const mark = isMarked ? marked.sent({ ...event, dueMs: due }) : undefined;
    inFlight.set(connection, { dueMs: due, mark });
    sent += eventsPerRequest;
    connection.send(Buffer.from(request));
  };
  const onAnswer = (connection: HttpConnection, status: string, body: string) => {
    const nowMs = performance.now();
    const request = inFlight.get(connection);
    if (request === undefined) throw new Error(`an answer ${status} to no request`);
    inFlight.delete(connection);
    const { dueMs: due, mark } = request;
    const taken = acceptedOf(status, body, eventsPerRequest);
    accepted += taken;
    answered += eventsPerRequest;
    if (taken < eventsPerRequest)
      refused[status] = (refused[status] ?? 0) + eventsPerRequest - taken;
    if (isMeasuring) {
      acceptedMeasured += taken;
      answersMs.push(nowMs - due);
    }
    if (mark !== undefined) marked?.answered(mark, nowMs, taken === eventsPerRequest);
    free.push(connection);
    next();
  };
  /** Sends the requests that are due on free connections. */
  const next = () => {
    const nowMs = performance.now();
    while (free.length > 0 && !isOver()) {
      if (pace.kind === "closed" && sent - rows > pace.eventsAhead) return;
      if (pace.kind === "open" && dueMs > nowMs) return;
      // Connections take turns, because a connection that is idle for 10 s gets 408.
      const connection = free.shift();
      if (connection === undefined) return;
      send(connection, pace.kind === "closed" ? nowMs : dueMs);
      if (pace.kind === "open") dueMs += (eventsPerRequest / pace.eventsPerSecond) * 1_000;
    }
  };

  const connections = await Promise.all(
    Array.from({ length: load.connections }, (_, at) => {
      const { hostname: host, port } = new URL(
        load.gatewayUrls[at % load.gatewayUrls.length] ?? "",
      );
      return openHttpConnection({ host, port: Number(port) }, onAnswer);
    }),
  );
  for (const connection of connections) {
    void connection.closed.then(() => {
      if (inFlight.has(connection))
        throw new Error("the gateway closed a connection with a request in flight");
    });
  }
  const beganMs = performance.now();
  const measureFromMs = beganMs + load.warmUpSeconds * 1_000;
  const endMs = measureFromMs + load.seconds * 1_000;
  const isOver = () => performance.now() >= endMs;
  dueMs = beganMs;
  free.push(...connections);
  process.on("message", (news: LoadNews) => {
    rows = news.rows;
    next();
  });

  let reportedMs = 0;
  const over = Promise.withResolvers<number>();
  const tick = setInterval(() => {
    const nowMs = performance.now();
    if (!isMeasuring && nowMs >= measureFromMs && nowMs < endMs) {
      isMeasuring = true;
      report({ kind: "measuring" });
    }
    if (nowMs - reportedMs >= REPORT_INTERVAL_MS) {
      reportedMs = nowMs;
      report({ kind: "accepted", events: accepted });
    }
    next();
    if (nowMs < endMs) return;
    if (isMeasuring) report({ kind: "measured" });
    if (isMeasuring) over.resolve(nowMs);
    isMeasuring = false;
    if (answered < sent) return;
    clearInterval(tick);
    for (const connection of connections) connection.close();
  }, 1);
  const measuredUntilMs = await over.promise;
  await Promise.all(connections.map(({ closed }) => closed));
  const found = await marked?.close();
  report({ kind: "accepted", events: accepted });
  return {
    accepted,
    acceptedMeasured,
    seconds: (measuredUntilMs - measureFromMs) / 1_000,
    refused,
    answer: quantilesOf(answersMs),
    rowAfterAnswer: quantilesOf(found?.afterAnswerMs ?? []),
    rowAfterDue: quantilesOf(found?.afterDueMs ?? []),
  };
}

/** Returns the number of accepted events: a batch gets 202 also if only some events were accepted. */
function acceptedOf(status: string, body: string, events: number): number {
  if (status !== "202") return 0;
  if (events === 1) return 1;
  return Number(/"accepted":(\d+)/.exec(body)?.[1] ?? 0);
}

const nowMicros = () => Math.floor((performance.timeOrigin + performance.now()) * 1_000);
