import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { afterEach, describe, expect, it } from "@jest/globals";
import { CODES } from "../answers/codes.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";
import { renderDocsPage } from "./docs-page.ts";
import { createOpenApiDocument } from "./openapi-document.ts";

const document = createOpenApiDocument({ schema: readAvroSchema("ProbeMetric"), authMode: "keys" });
let intake: TestIntake | undefined;
afterEach(() => intake?.close());

describe("the gateway's OpenAPI document", () => {
  it("has the rules of the raw record's schema", () => {
    const event = document.components.schemas["Event"] as {
      required: string[];
      properties: Record<string, object>;
    };
    expect(event.required).toEqual([
      "node_id",
      "country",
      "region",
      "uptime_pct",
      "packet_loss",
      "timestamp",
    ]);
    expect(event.properties["latency_ms"]).toMatchObject({
      type: ["number", "null"],
      minimum: 0,
      maximum: 10_000,
    });
    expect(event.properties["received"]).toMatchObject({
      description: expect.stringContaining("At most sent.") as unknown,
      type: ["integer", "null"],
    });
    expect(event.properties["rtts_ms"]).toMatchObject({
      type: ["array", "null"],
      maxItems: 20,
      items: { type: "number", minimum: 0, maximum: 10_000 },
    });
    expect(event.properties["error"]).toMatchObject({
      enum: ["timeout", "unreachable", "refused", "dns", "tls", "http", "other", null],
    });
    expect(event.properties["country"]).toMatchObject({ pattern: "^[A-Z]{2}$" });
    expect(event.properties["target_host"]).toMatchObject({
      type: ["string", "null"],
      maxLength: 255,
    });
    expect(event.properties).not.toHaveProperty("event_id");
  });

  it("says when an event may have no latency", () => {
    const { allOf } = document.components.schemas["Event"] as { allOf: object[] };
    expect(allOf).toEqual([
      {
        anyOf: [
          { required: ["latency_ms"], properties: { latency_ms: { not: { type: "null" } } } },
          { required: ["packet_loss"], properties: { packet_loss: { const: 100 } } },
          { required: ["error"], properties: { error: { not: { type: "null" } } } },
        ],
      },
    ]);
  });

  it("names each code with its status, those of keys only with AUTH_MODE=keys", () => {
    const responses = document.paths["/api/ingest"]?.["post"]?.responses ?? {};
    for (const [code, { status }] of Object.entries(CODES)) {
      if (code === "NOT_FOUND" || code === "METHOD_NOT_ALLOWED") continue;
      expect(responses[String(status)]?.description).toContain(`\`${code}\``);
    }
    const open = createOpenApiDocument({
      schema: readAvroSchema("ProbeMetric"),
      authMode: "open",
    });
    expect(open.paths["/api/ingest"]?.["post"]?.responses).not.toHaveProperty("401");
  });

  it("is served, also as a page that loads nothing and contains each code", async () => {
    intake = await startTestIntake();
    const served = (await (await intake.get("/openapi.json")).json()) as typeof document;
    expect(served.openapi).toBe("3.1.0");
    const page = await intake.get("/docs");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const html = await page.text();
    expect(html).toBe(renderDocsPage(served));
    expect(html).not.toMatch(/<script|<link|<img|src=|@import|url\(/);
    for (const code of Object.keys(CODES)) expect(html).toContain(`id="${code}"`);
  });

  it("is served beside the topics' catalogue, for people and for programs", async () => {
    intake = await startTestIntake();
    const page = await intake.get("/docs/topics");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain('id="probe.metrics.enriched/latency_ms"');
    const described = await intake.get("/docs/asyncapi.json");
    expect(await described.json()).toMatchObject({ asyncapi: "3.1.0" });
  });
});
