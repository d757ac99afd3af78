import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import { repairRequestQueue } from "./request-queue-repair.ts";

const require = createRequire(import.meta.url);
type Queue = {
  push: (request: object) => void;
  fulfillRequest: (answer: { correlationId: number; payload: null; size: number }) => void;
  maybeThrottle: (ms: number) => void;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
};
const RequestQueue = require("kafkajs/src/network/requestQueue") as new (options: object) => Queue;
const log = { debug: () => undefined, warn: () => undefined, error: () => undefined };

function queueWith(options: { maxInFlightRequests: number }) {
  repairRequestQueue();
  const logger = { ...log, namespace: () => log };
  const queue = new RequestQueue({
    ...options,
    logger,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: "test",
    broker: "test:1",
    isConnected: () => true,
  });
  const sent: number[] = [];
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => undefined, reject: () => undefined },
      expectResponse: true,
      sendRequest: () => sent.push(correlationId),
    });
  return { queue, sent, push };
}

describe("the mended request queue", () => {
  it("sets no timer while nothing waits", () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 1 });
    push(1);
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).toEqual([1]);
    expect(queue.throttleCheckTimeoutId).toBeNull();
  });

  it("sends what waited for an answer as soon as it comes", () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 1 });
    push(1);
    push(2);
    expect(sent).toEqual([1]);
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(sent).toEqual([1, 2]);
  });

  it("sends what waited for a throttle when it is over", async () => {
    const { queue, sent, push } = queueWith({ maxInFlightRequests: 5 });
    queue.maybeThrottle(20);
    push(1);
    expect(sent).toEqual([]);
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (sent.length === 0) return;
        clearInterval(look);
        resolve();
      }, 1);
    });
    expect(sent).toEqual([1]);
  });
});
