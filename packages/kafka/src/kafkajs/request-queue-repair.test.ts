import { createRequire } from "node:module";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { until } from "@fiberstream/testkit/until";
import { repairRequestQueue } from "./request-queue-repair.ts";

const require = createRequire(import.meta.url);
type Queue = {
  push: (request: object) => void;
  fulfillRequest: (answer: { correlationId: number; payload: null; size: number }) => void;
  maybeThrottle: (ms: number | null | undefined) => void;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  scheduleRequestTimeoutCheck: () => void;
  destroy: () => void;
};
const RequestQueue = require("kafkajs/src/network/requestQueue") as new (options: object) => Queue;
const log = { debug: () => undefined, warn: () => undefined, error: () => undefined };

function queueWith(options: {
  maxInFlightRequests: number;
  requestTimeout?: number;
  enforceRequestTimeout?: boolean;
}) {
  repairRequestQueue();
  const logger = { ...log, namespace: () => log };
  const queue = new RequestQueue({
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    ...options,
    logger,
    clientId: "test",
    broker: "test:1",
    isConnected: () => true,
  });
  const sent: number[] = [];
  const failed: number[] = [];
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => undefined, reject: () => failed.push(correlationId) },
      expectResponse: true,
      sendRequest: () => sent.push(correlationId),
    });
  return { queue, sent, failed, push };
}

describe("the repaired request queue", () => {
  it("sets no timer while nothing waits", () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 1 });
    push(1);
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).toEqual([1]);
    expect(queue.throttleCheckTimeoutId).toBeNull();
  });

  it("sends a request that waited for an answer as soon as it arrives", () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 1 });
    push(1);
    push(2);
    expect(sent).toEqual([1]);
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).toEqual([1, 2]);
  });

  it.each([undefined, null, 0])(
    "continues at once after an answer with a throttle of %s",
    (throttleMs) => {
      const { queue, sent, push } = queueWith({ maxInFlightRequests: 5 });
      queue.maybeThrottle(throttleMs);
      push(1);
      expect(sent).toEqual([1]);
      queue.destroy();
    },
  );

  it("sends a request that waited for a throttle when it ends", async () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 5 });
    queue.maybeThrottle(20);
    push(1);
    expect(sent).toEqual([]);
    await until(() => sent.length > 0, { what: "it is sent" });
    expect(sent).toEqual([1]);
  });
});

describe("when the machine's clock is set", () => {
  const HOUR_MS = 3_600_000;
  afterEach(() => void jest.restoreAllMocks());
  const step = (ms: number) => {
    const realNow = Date.now;
    jest.spyOn(Date, "now").mockImplementation(() => realNow() + ms);
  };

  it("sends a request that waited for a throttle nevertheless", async () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 5 });
    queue.maybeThrottle(20);
    step(-HOUR_MS);
    push(1);
    await until(() => sent.length > 0, { what: "it is sent", timeoutMs: 2_000 });
    queue.destroy();
  });

  it.each([-HOUR_MS, HOUR_MS])(
    "fails a request without an answer after its timeout (%d ms)",
    async (ms) => {
      const timing = { requestTimeout: 300, enforceRequestTimeout: true };
      const { queue, failed, push } = queueWith({ maxInFlightRequests: 5, ...timing });
      queue.scheduleRequestTimeoutCheck();
      const startMs = performance.now();
      push(1);
      step(ms);
      await until(() => failed.length > 0, { what: "it has timed out", timeoutMs: 2_000 });
      expect(performance.now() - startMs).toBeGreaterThan(290);
      queue.destroy();
    },
  );
});
