import { describe, expect, it } from "@jest/globals";
import { documentedRoutes } from "./documented-routes.ts";
import { createOpenApiDocument } from "./openapi-document.ts";

const { paths } = createOpenApiDocument({ routes: documentedRoutes(), authMode: "keys" });
const parameter = (path: string, method: string, name: string) =>
  paths[path]?.[method]?.parameters.find((each) => each.name === name);

describe("the OpenAPI document", () => {
  it("says that a change of a node needs If-Match, and how it is written", () => {
    const header = parameter("/api/v1/nodes/{node_id}", "patch", "if-match");
    expect(header).toMatchObject({ in: "header", required: true });
    expect(header?.schema).not.toHaveProperty("isRequired");
    const pattern = new RegExp(String(header?.schema["pattern"]));
    expect(['"7"', '"7-Ab_c"', "7", '"x"', "*"].map((text) => pattern.test(text))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("says what holds without a parameter", () => {
    expect(parameter("/api/v1/series", "get", "max_points")).toMatchObject({
      required: false,
      description: expect.stringMatching(/./),
      schema: { type: "integer", minimum: 1, maximum: 11_000, default: 1_000 },
    });
  });

  it("says which permission a route needs", () => {
    const permissionOf = (path: string, method: string) => paths[path]?.[method]?.["x-permission"];
    expect(permissionOf("/api/v1/series", "get")).toBe("metrics:read");
    expect(permissionOf("/api/v1/nodes/{node_id}", "delete")).toBe("nodes:delete");
  });

  it("names the language of texts that have one", () => {
    const formatOf = (name: string) => parameter("/api/v1/events", "get", name)?.schema["format"];
    expect(["from", "to", "where", "cursor"].map(formatOf)).toEqual([
      "time-or-age",
      "time-or-age",
      "condition",
      "cursor",
    ]);
  });

  it("describes lists of nodes and of statistics by a pattern", () => {
    const matches = (name: string, text: string) =>
      new RegExp(String(parameter("/api/v1/series", "get", name)?.schema["pattern"])).test(text);
    expect(["a", "a,b", "a,", ",a", "x".repeat(51)].map((text) => matches("node", text))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(matches("stats", "events,lost")).toBe(true);
    expect(matches("stats", "events,other")).toBe(false);
  });

  it("has only patterns that other languages than JavaScript read, too", () => {
    expect(JSON.stringify(paths)).not.toMatch(/"pattern":"[^"]*\\\\0/);
  });
});
