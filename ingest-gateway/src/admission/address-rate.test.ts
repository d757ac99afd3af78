import { describe, expect, it } from "@jest/globals";
import { createAddressRate } from "./address-rate.ts";

describe("the rate of an address", () => {
  it("allows ten seconds' worth at once, then its rate", () => {
    let nowMs = 0;
    const isAllowed = createAddressRate({ perSecond: 2, nowMs: () => nowMs });
    const allowedOf = (count: number, address: string) =>
      Array.from({ length: count }, () => isAllowed(address)).filter(Boolean).length;
    expect(allowedOf(30, "192.0.2.1")).toBe(20);
    expect(allowedOf(30, "::ffff:192.0.2.1")).toBe(0);
    nowMs += 1_500;
    expect(allowedOf(30, "192.0.2.1")).toBe(3);
    expect(allowedOf(30, "192.0.2.2")).toBe(20);
    nowMs += 3_600_000;
    expect(allowedOf(30, "192.0.2.1")).toBe(20);
  });

  it("is one for all addresses of an IPv6 /64", () => {
    const isAllowed = createAddressRate({ perSecond: 0.1, nowMs: () => 0 });
    expect(isAllowed("2001:db8::1")).toBe(true);
    expect(isAllowed("2001:db8::2")).toBe(false);
    expect(isAllowed("2001:db8:0:1::2")).toBe(true);
  });
});
