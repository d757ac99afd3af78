import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "@jest/globals";
import { cappedByAddress, createRequestCap } from "./request-cap.ts";

describe("the requests of an address", () => {
  it("are capped, those of an IPv6 /64 together", async () => {
    const cap = createRequestCap({ maxRequests: 1, whose: "address" });
    const { promise, resolve } = Promise.withResolvers<void>();
    const serve = cappedByAddress(cap, (_call: { readonly request: IncomingMessage }) => promise);
    const from = (remoteAddress: string) =>
      serve({ request: { socket: { remoteAddress } } as IncomingMessage });
    const first = from("2001:db8:1:2::1");
    await expect(from("2001:db8:1:2:ffff::2")).rejects.toThrow(/this address has 1 requests/);
    const others = [from("2001:db8:1:3::1"), from("192.0.2.1")];
    await expect(from("::ffff:192.0.2.1")).rejects.toThrow(/this address has 1 requests/);
    resolve();
    await Promise.all([first, ...others]);
    await from("2001:db8:1:2::9");
  });
});
