import { describe, expect, it } from "@jest/globals";
import { EVERYTHING, NOTHING, scopeOf } from "../access/scope.ts";
import { literalStatement, ownStatement, platformStatement, statement } from "./statement.ts";

const SOME = scopeOf([
  { tenant: "acme", nodes: "*" },
  { tenant: "o'hara", nodes: "*" },
]);
const OF_NODES = scopeOf([
  { tenant: "acme", nodes: "*" },
  { tenant: "zeta", nodes: "accra-*" },
  { tenant: "zeta", nodes: "lagos-1" },
  { tenant: "*", nodes: "demo-*" },
]);
const RANGES = (pattern: string) =>
  `(SELECT range_agg(node_pattern_range(pattern)) FROM unnest(${pattern}::text[]) AS pattern)`;

describe("a statement", () => {
  it("is bound to the reader's tenants", () => {
    expect(
      statement(
        SOME,
        ({ value, visible }) => `SELECT ${value(5)} WHERE ${visible("tenant", "node")}`,
      ),
    ).toEqual({
      text: "SELECT $1 WHERE (tenant = ANY ($2::text[]))",
      values: [5, ["acme", "o'hara"]],
    });
    expect(statement(EVERYTHING, ({ visible }) => visible("tenant", "node")).text).toBe("true");
    expect(statement(NOTHING, ({ visible }) => visible("tenant", "node")).text).toBe("false");
    expect(literalStatement(SOME, ({ visible }) => visible("tenant"))).toBe(
      "(tenant = ANY (ARRAY['acme','o''hara']::text[]))",
    );
    expect(literalStatement(NOTHING, ({ visible }) => visible("tenant"))).toBe("false");
  });

  it("is bound to the nodes that the reader may see of a tenant", () => {
    expect(statement(OF_NODES, ({ visible }) => visible("tenant", "node"))).toEqual({
      text: `(tenant = ANY ($1::text[]) OR ${RANGES("$2")} @> (node)::text OR (tenant = $4::text AND ${RANGES("$3")} @> (node)::text))`,
      values: [["acme"], ["demo-*"], ["accra-*", "lagos-1"], "zeta"],
    });
  });

  it("about what has no node is bound to the tenants of which all nodes are seen", () => {
    expect(statement(OF_NODES, ({ visible }) => visible("tenant"))).toEqual({
      text: "(tenant = ANY ($1::text[]))",
      values: [["acme"]],
    });
  });

  it("that does not say whose data it reads is a mistake of ours", () => {
    expect(() => statement(SOME, () => "SELECT 1")).toThrow("whose data");
    expect(() => literalStatement(SOME, () => "SELECT 1")).toThrow("whose data");
  });

  it("about the platform is for readers of everything", () => {
    for (const scope of [SOME, OF_NODES, NOTHING, scopeOf([{ tenant: "*", nodes: "a*" }])]) {
      expect(platformStatement(scope, () => "SELECT 1")).toBeUndefined();
    }
    expect(platformStatement(EVERYTHING, () => "SELECT 1")?.text).toBe("SELECT 1");
    expect(ownStatement(({ value }) => value(1))).toEqual({ text: "$1", values: [1] });
  });
});
