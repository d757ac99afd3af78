import { describe, expect, it } from "@jest/globals";
import { bothOf, EVERYTHING, isEverything, NOTHING, scopeOf, sees, wholeTenants } from "./scope.ts";

const MIXED = scopeOf([
  { tenant: "zeta", nodes: "accra-*" },
  { tenant: "acme", nodes: "*" },
  { tenant: "*", nodes: "demo-1" },
]);

describe("a scope", () => {
  it("of all tenants and nodes is everything, whatever else is granted", () => {
    expect(
      scopeOf([
        { tenant: "acme", nodes: "*" },
        { tenant: "*", nodes: "*" },
      ]),
    ).toBe(EVERYTHING);
    expect(isEverything(MIXED)).toBe(false);
    // Names like those of JavaScript or SQL for "all" are names of tenants.
    expect(isEverything(scopeOf([{ tenant: "all", nodes: "*" }]))).toBe(false);
  });

  it("is one text for equal grants in any order", () => {
    expect(scopeOf([...MIXED.grants].toReversed().concat(MIXED.grants))).toEqual(MIXED);
  });

  it.each([
    ["acme", "any", true],
    ["acme", null, true],
    ["zeta", "accra-7", true],
    ["zeta", "lagos-7", false],
    ["zeta", null, false],
    ["other", "demo-1", true],
    [null, "demo-1", true],
    ["other", "demo-12", false],
    [null, null, false],
    ["", "*", false],
  ])("decides about tenant %j and node %j: %j", (tenant, node, isSeen) => {
    expect(sees(MIXED, { tenant, node })).toBe(isSeen);
  });

  it("sees what is nobody's only if it is everything", () => {
    expect(sees(EVERYTHING, { tenant: null, node: null })).toBe(true);
    expect(sees(NOTHING, { tenant: "acme", node: "a" })).toBe(false);
  });

  it("has the tenants of which all nodes are seen", () => {
    expect(wholeTenants(MIXED)).toEqual(["acme"]);
    expect(wholeTenants(scopeOf([{ tenant: "*", nodes: "*" }]))).toBe("all");
  });

  it("of two is what both see", () => {
    const all = (tenant: string, nodes: string) => scopeOf([{ tenant, nodes }]);
    expect(bothOf(MIXED, EVERYTHING)).toEqual(MIXED);
    expect(bothOf(MIXED, all("zeta", "*"))).toEqual(
      scopeOf([
        { tenant: "zeta", nodes: "accra-*" },
        { tenant: "zeta", nodes: "demo-1" },
      ]),
    );
    expect(bothOf(MIXED, all("*", "accra-1*"))).toEqual(
      scopeOf([
        { tenant: "zeta", nodes: "accra-1*" },
        { tenant: "acme", nodes: "accra-1*" },
      ]),
    );
    expect(bothOf(all("acme", "a*"), all("acme", "b*"))).toEqual(NOTHING);
    expect(bothOf(all("acme", "*"), all("zeta", "*"))).toEqual(NOTHING);
  });
});
