import { beforeEach, describe, expect, it } from "@jest/globals";
import type { Sender } from "../auth/sender.ts";
import { createRateLimiter } from "./rate-limits.ts";

const limit = { ratePerSecond: 10, burst: 100 };
const sender: Sender = { id: "k", tenant: "acme", limit };
let nowMs: number;
let buckets: ReturnType<typeof createRateLimiter>;
beforeEach(() => {
  nowMs = 0;
  buckets = createRateLimiter({ now: () => nowMs });
});
const isRefused = { code: "RATE_LIMITED" };
const admit = () => buckets.charge(sender, 0);
const charge = (events: number, of = sender) => {
  const charged = buckets.charge(of, 0);
  charged.forEvents(events);
  return charged;
};
const left = (of = sender) =>
  (buckets.headersFor(of)?.["RateLimit"] ?? "").match(/(?<=r=)\d+/g)?.map(Number);

describe("a key's bucket", () => {
  it("admits requests until it is empty, and again when it has gained an event", () => {
    charge(100);
    expect(admit).toThrow(
      /may send 10 events a second \(100 at once\) and has sent more: wait 1 s/,
    );
    nowMs += 100;
    expect(admit).not.toThrow();
  });

  it("returns how long to wait, and how many events are left", () => {
    charge(40);
    expect(buckets.headersFor(sender)).toEqual({
      "RateLimit-Policy": '"events";q=100;w=10',
      RateLimit: '"events";r=60;t=4',
    });
    charge(110);
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

  it("admits a batch that is larger than the bucket, and becomes negative", () => {
    charge(1_000);
    expect(() => charge(1)).toThrow();
    nowMs += 90_000;
    expect(admit).toThrow();
    nowMs += 100;
    expect(admit).not.toThrow();
  });

  it("never holds more than its size", () => {
    nowMs += 3_600_000;
    charge(100);
    expect(admit).toThrow();
  });

  it("is charged for each request, whatever its result, and for each 4 KB of it", () => {
    admit();
    expect(left()).toEqual([99]);
    const large = buckets.charge(sender, 40_960);
    expect(left()).toEqual([89]);
    large.forBody(81_920);
    expect(left()).toEqual([79]);
    // Fewer events than it has room for cost nothing more, more events do.
    large.forEvents(20);
    expect(left()).toEqual([79]);
    large.forEvents(30);
    expect(left()).toEqual([69]);
  });

  it("is refunded what a request declared and did not send", () => {
    const gone = buckets.charge(sender, 204_800);
    expect(left()).toEqual([50]);
    gone.forBody(0);
    expect(left()).toEqual([99]);
  });

  it("is refunded for events that were not delivered, and for no others", () => {
    const charged = charge(60);
    charged.refund(20);
    expect(left()).toEqual([60]);
    charged.cancel();
    charged.cancel();
    expect(left()).toEqual([100]);
    nowMs += 3_600_000;
    const late = charge(60);
    nowMs += 3_600_000;
    late.cancel();
    expect(left()).toEqual([100]);
  });

  it("refuses requests that were admitted together when the first of them has emptied it", () => {
    const [first, second] = [admit(), admit()];
    first.forEvents(500);
    expect(() => second.forEvents(1)).toThrow(expect.objectContaining(isRefused));
  });

  it("is set to what is left for all gateways, less the charges that the others do not know of", () => {
    charge(10);
    expect(buckets.takeUnshared(10)).toEqual([{ id: "k", limit: sender.limit, events: 10 }]);
    expect(buckets.takeUnshared(10)).toEqual([]);
    charge(5);
    buckets.setEvents("k", 3);
    expect(admit).toThrow();
    nowMs += 1_000;
    expect(buckets.headersFor(sender)?.["RateLimit"]).toBe('"events";r=8;t=10');
  });

  it("reports refunds to the other gateways, too", () => {
    const charged = charge(10);
    buckets.takeUnshared(10);
    charged.refund(4);
    expect(buckets.takeUnshared(10)).toEqual([{ id: "k", limit: sender.limit, events: -4 }]);
  });

  it("keeps charges that could not be shared, less what it has gained since", () => {
    charge(40);
    buckets.keepUnshared(buckets.takeUnshared(10));
    expect(buckets.takeUnshared(10)).toEqual([{ id: "k", limit: sender.limit, events: 40 }]);
    nowMs += 3_000;
    buckets.keepUnshared([{ id: "k", limit, events: 40 }]);
    charge(5);
    expect(buckets.takeUnshared(10)).toEqual([{ id: "k", limit: sender.limit, events: 15 }]);
    nowMs += 60_000;
    buckets.keepUnshared([{ id: "k", limit, events: 15 }]);
    expect(buckets.takeUnshared(10)).toEqual([]);
  });

  it("does not exist for senders without a limit", () => {
    const open: Sender = { id: "open", tenant: "default" };
    charge(1e9, open);
    expect(() => buckets.charge(open, 1e9)).not.toThrow();
    expect(buckets.headersFor(open)).toBeUndefined();
  });
});

describe("a tenant's bucket", () => {
  const tenantLimit = { ratePerSecond: 10, burst: 150 };
  const keyOf = (id: string, tenant = "acme"): Sender => ({ ...sender, id, tenant, tenantLimit });
  const [a, b, c] = [keyOf("a"), keyOf("b"), keyOf("c")];

  it("bounds all its keys together, above what each of them may send", () => {
    charge(100, a);
    expect(left(b)).toEqual([100, 50]);
    charge(60, b);
    expect(() => charge(1, c)).toThrow(/a tenant's keys together may send 10 events a second/);
    expect(buckets.headersFor(c)).toEqual({
      "RateLimit-Policy": '"events";q=100;w=10, "tenant";q=150;w=15',
      RateLimit: '"events";r=100;t=0, "tenant";r=0;t=16',
    });
    expect(() => charge(1, keyOf("d", "zeta"))).not.toThrow();
  });

  it("is refunded for events that were not delivered, like the key's bucket", () => {
    charge(60, a).cancel();
    expect(left(a)).toEqual([100, 150]);
  });
});
