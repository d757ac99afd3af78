import { describe, expect, it } from "@jest/globals";
import { literalStatement, platformStatement, statement } from "./statement.ts";

const SOME = { tenants: ["acme", "o'hara"] };

describe("a statement", () => {
  it("is bound to the reader's tenants", () => {
    expect(
      statement(SOME, ({ value, ofTenants }) => `SELECT ${value(5)} WHERE ${ofTenants("tenant")}`),
    ).toEqual({ text: "SELECT $1 WHERE tenant = ANY ($2::text[])", values: [5, SOME.tenants] });
    expect(statement({ tenants: "all" }, ({ ofTenants }) => ofTenants("tenant")).text).toBe("true");
    expect(literalStatement(SOME, ({ ofTenants }) => ofTenants("tenant"))).toBe(
      "tenant IN (NULL,'acme','o''hara')",
    );
    expect(literalStatement({ tenants: [] }, ({ ofTenants }) => ofTenants("tenant"))).toBe(
      "tenant IN (NULL)",
    );
  });

  it("that does not say whose data it reads is a mistake of ours", () => {
    expect(() => statement(SOME, () => "SELECT 1")).toThrow("whose data");
    expect(() => literalStatement(SOME, () => "SELECT 1")).toThrow("whose data");
  });

  it("about the platform is for readers of all tenants", () => {
    expect(platformStatement(SOME, () => "SELECT 1")).toBeUndefined();
    expect(platformStatement({ tenants: "all" }, () => "SELECT 1")?.text).toBe("SELECT 1");
  });
});
