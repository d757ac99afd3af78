import { readSettings } from "@fiberstream/runtime/settings";
import { describe, expect, it } from "@jest/globals";
import { createReadNamed, trustedProxySettings } from "./trusted-proxy.ts";

const peersOf = (TRUSTED_PROXIES: string) =>
  readSettings(trustedProxySettings, { TRUSTED_PROXIES }).trustedProxies;

let foreign = 0;
const named = (peers: string, address: string, headers: Record<string, string>) => {
  const list = peersOf(peers);
  if (list === undefined) throw new Error("no peers");
  const read = createReadNamed({
    peers: list,
    userHeader: "x-forwarded-user",
    groupsHeader: "x-forwarded-groups",
    countForeign: () => foreign++,
  });
  return read({ headers, address });
};

describe("a proxy that names people", () => {
  it("is off by default", () => {
    expect(readSettings(trustedProxySettings, {})).toEqual({
      trustedProxies: undefined,
      trustedProxyUserHeader: "x-forwarded-user",
      trustedProxyGroupsHeader: "x-forwarded-groups",
    });
  });

  it.each(["10.0.0.5", "::ffff:10.0.0.5", "10.1.2.3", "fd00::1"])(
    "is believed at %s",
    (address) => {
      const peers = "10.0.0.5, 10.1.0.0/16,fd00::/8";
      const headers = { "x-forwarded-user": "ada", "x-forwarded-groups": "noc, admins,," };
      expect(named(peers, address, headers)).toEqual({ user: "ada", groups: ["noc", "admins"] });
      expect(named(peers, address, {})).toBeUndefined();
    },
  );

  it.each(["10.0.0.6", "::ffff:10.2.0.1", "fe80::1", "::1", ""])(
    "is not believed at %s, which is counted",
    (address) => {
      const before = foreign;
      for (const header of ["x-forwarded-user", "x-forwarded-groups"]) {
        expect(() => named("10.0.0.5,10.1.0.0/16,fd00::/8", address, { [header]: "ada" })).toThrow(
          "only a proxy that TRUSTED_PROXIES names",
        );
      }
      expect(foreign).toBe(before + 2);
      expect(named("10.0.0.5", address, {})).toBeUndefined();
    },
  );

  it.each(["", " ", "ada, eve", "a".repeat(256)])("has to name one person, not %j", (user) => {
    expect(() => named("10.0.0.5", "10.0.0.5", { "x-forwarded-user": user })).toThrow("one person");
    expect(() => named("10.0.0.5", "10.0.0.5", { "x-forwarded-groups": "noc" })).toThrow(
      "one person",
    );
  });

  it.each(["proxy.example", "10.0.0.0/33", "10.0.0.0/x", "10.0.0", "10.0.0.5,"])(
    "has an address, not %s",
    (peers) => expect(() => peersOf(peers)).toThrow(/TRUSTED_PROXIES.*no address such as/),
  );
});
