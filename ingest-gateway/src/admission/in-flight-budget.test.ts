import { describe, expect, it } from "@jest/globals";
import { createInFlightBudget } from "./in-flight-budget.ts";

const budget = () => createInFlightBudget({ maxBytes: 1_000, maxRequests: 1_000 });

describe("the in-flight budget", () => {
  it("lets a single sender use all but a reserved share", () => {
    const { lease, usedBytes } = budget();
    const held = lease("loud");
    held.hold(750);
    expect(() => lease("loud").hold(1)).toThrow(expect.objectContaining({ code: "OVERLOADED" }));
    const quiet = lease("quiet");
    quiet.hold(120);
    quiet.release();
    held.release();
    held.release();
    expect(usedBytes()).toBe(0);
  });

  it("accepts senders that hold little, and refuses the one that holds most with 429", () => {
    const { lease, usedBytes } = budget();
    lease("loud").hold(700);
    const quiet = lease("quiet");
    quiet.hold(100);
    expect(() => lease("loud").hold(100)).toThrow(
      expect.objectContaining({ code: "RATE_LIMITED" }),
    );
    const third = lease("third");
    third.hold(80);
    expect(() => lease("third").hold(200)).toThrow(expect.objectContaining({ code: "OVERLOADED" }));
    expect(usedBytes()).toBe(880);
    quiet.release();
    third.release();
    lease("loud").hold(50);
    expect(usedBytes()).toBe(750);
  });

  it("accepts a tenant, however many keys another tenant has", () => {
    const { lease, usedBytes } = budget();
    for (let key = 0; key < 400; key++) {
      try {
        lease(`loud-${key % 50}`, "loud").hold(10);
      } catch {
        // Its own keys fill what is its.
      }
    }
    expect(usedBytes()).toBeGreaterThanOrEqual(750);
    const quiet = lease("quiet", "other");
    quiet.hold(120);
    expect(quiet.heldBytes()).toBe(120);
    // Also while it holds some: each of the loud one's keys is held to the tenant's part.
    for (let key = 0; key < 50; key++) {
      const more = lease(`more-${key}`, "loud");
      expect(() => more.hold(50)).toThrow(expect.objectContaining({ name: "Refusal" }));
    }
  });

  it("accepts a key, however much other keys of its tenant send", () => {
    const { lease } = budget();
    lease("loud", "acme").hold(750);
    const quiet = lease("quiet", "acme");
    quiet.hold(60);
    expect(quiet.heldBytes()).toBe(60);
  });

  it("never grants more than the whole budget to all senders together", () => {
    const { lease, usedBytes } = budget();
    for (let sender = 0; sender < 2_000; sender++) {
      try {
        lease(`sender-${sender % 37}`).hold(1 + ((sender * 31) % 60));
      } catch {
        // That some are refused is the point.
      }
    }
    expect(usedBytes()).toBeLessThanOrEqual(1_000);
  });
});
