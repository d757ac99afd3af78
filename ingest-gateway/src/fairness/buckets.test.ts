import { beforeEach, describe, expect, it } from "@jest/globals";
import type { Sender } from "../auth/sender.ts";
import { createBuckets } from "./buckets.ts";

const sender: Sender = { id: "k", tenant: "acme", limit: { ratePerSecond: 10, burst: 100 } };
let nowMs: number;
let buckets: ReturnType<typeof createBuckets>;
beforeEach(() => {
  nowMs = 0;
  buckets = createBuckets({ now: () => nowMs });
});
const isRefused = { code: "RATE_LIMITED" };
const admit = () => buckets.admit(sender);

describe("a key's bucket", () => {
  it("lets in until it is empty, and again when it has gained an event", () => {
    buckets.charge(sender, 100);
    expect(admit).toThrow(
      /may send 10 events a second \(100 at once\) and has sent more: wait 1 s/,
    );
    nowMs += 100;
    expect(admit).not.toThrow();
  });

  it("says how long to wait, and what is left", () => {
    buckets.charge(sender, 40);
    expect(buckets.headersFor(sender)).toEqual({
      "RateLimit-Policy": '"events";q=100;w=10',
      RateLimit: '"events";r=60;t=4',
    });
    buckets.charge(sender, 110);
    let refusal: unknown;
    try {
      admit();
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({
      ...isRefused,
      headers: { "Retry-After": "6", RateLimit: '"events";r=0;t=15' },
    });
  });

  it("takes a batch that is larger than itself, as a debt", () => {
    buckets.charge(sender, 1_000);
    expect(() => buckets.charge(sender, 1)).toThrow();
    nowMs += 90_000;
    expect(admit).toThrow();
    nowMs += 100;
    expect(admit).not.toThrow();
  });

  it("never holds more than its size", () => {
    nowMs += 3_600_000;
    buckets.charge(sender, 100);
    expect(admit).toThrow();
  });

  it("takes over what all gateways together have left, less what they do not know of", () => {
    buckets.charge(sender, 10);
    expect(buckets.takeUnshared(10)).toEqual([{ id: "k", limit: sender.limit, events: 10 }]);
    expect(buckets.takeUnshared(10)).toEqual([]);
    buckets.charge(sender, 5);
    buckets.takeOver("k", 3);
    expect(admit).toThrow();
    nowMs += 1_000;
    expect(buckets.headersFor(sender)?.["RateLimit"]).toBe('"events";r=8;t=10');
  });

  it("is none for senders without a limit", () => {
    const open: Sender = { id: "open", tenant: "default" };
    buckets.charge(open, 1e9);
    expect(() => buckets.admit(open)).not.toThrow();
    expect(buckets.headersFor(open)).toBeUndefined();
  });
});
