import { readFileSync } from "node:fs";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { sentFields } from "@fiberstream/schemas/probe-fields";
import { readSettings } from "@fiberstream/runtime/settings";
import { afterEach, describe, expect, it } from "@jest/globals";
import { type Code, CODES, meaningOf } from "../answers/codes.ts";
import { BROWSER_HEADERS } from "@fiberstream/http/browser-headers";
import { ANSWER_HEADERS, BODY_HEADERS, REQUEST_HEADERS } from "../answers/http-headers.ts";
import { LIMITS } from "../answers/limits.ts";
import { createAuthenticate } from "../auth/authenticate.ts";
import { replayedAnswer } from "../idempotency/idempotent.ts";
import { createOpenApiDocument } from "../openapi/openapi-document.ts";
import { createLog } from "@fiberstream/runtime/log";
import { gatewaySettings } from "../settings.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

const page = readFileSync(new URL("../../../docs/http.md", import.meta.url), "utf8");
const schema = readAvroSchema("ProbeMetric");
const document = createOpenApiDocument({ schema, authMode: "keys" });
const codes = Object.keys(CODES) as Code[];
const namesOf = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

/** The rows of the page's table that has this heading, each as its cells. */
function rowsUnder(...heading: string[]): string[][] {
  const lines = page.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const from = lines.findIndex((cells) => cells.join() === heading.join());
  if (from === -1) throw new Error(`docs/http.md has no table of ${heading.join(", ")}`);
  const rows = lines.slice(from + 2);
  return rows.slice(
    0,
    rows.findIndex((cells) => cells.length === 0),
  );
}
const codesIn = (cell = ""): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, one = ""]) => one);
const sorted = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other);
const numbersIn = (cell = ""): number[] => [...cell.matchAll(/\d+/g)].map(Number);

describe("docs/http.md, line by line against the code", () => {
  it("has every code with its status, and no other", () => {
    const rows = rowsUnder("status", "code", "when");
    const documented = rows.flatMap(([status, named]) =>
      codesIn(named).map((code) => ({ code, statuses: numbersIn(status) })),
    );
    expect(documented.map(({ code }) => code).toSorted()).toEqual(codes.toSorted());
    for (const { code, statuses } of documented) {
      expect({ code, statuses }).toEqual({
        code,
        statuses: expect.arrayContaining([meaningOf(code as Code).status]),
      });
    }
  });

  it("says once for each status what to do, and to retry exactly where that helps", () => {
    const rows = rowsUnder("status", "do");
    const statuses = rows.flatMap(([status]) => numbersIn(status));
    const all = [202, ...new Set(codes.map((code) => meaningOf(code).status))];
    expect(sorted(statuses)).toEqual(sorted(all));
    const again = rows.filter(([, what]) => what?.startsWith("send it again"));
    const helps = codes
      .filter((code) => {
        const { status, retryAfterSeconds } = meaningOf(code);
        return retryAfterSeconds !== undefined || status === 408 || status === 500;
      })
      .map((code) => meaningOf(code).status);
    expect(sorted(again.flatMap(([status]) => numbersIn(status)))).toEqual(
      sorted([...new Set(helps)]),
    );
  });

  it("has every header that is read, and every one that is sent", () => {
    expect(rowsUnder("request", "meaning").flatMap(([name]) => codesIn(name))).toEqual([
      "Authorization",
      ...BODY_HEADERS,
      ...namesOf(REQUEST_HEADERS),
    ]);
    const sent = rowsUnder("answer", "meaning").flatMap(([name]) => codesIn(name));
    expect(sent).toEqual(namesOf(ANSWER_HEADERS));
  });

  it("has every field that is read, with its rule's numbers", () => {
    const rows = rowsUnder("field", "rule");
    expect(rows.flatMap(([name]) => codesIn(name))).toEqual(namesOf(sentFields(schema)));
    for (const [names, rule = ""] of rows) {
      for (const name of codesIn(names)) {
        const field = schema.fields.find((one) => one.name === name);
        const { minLength = 0, maxLength, minimum, maximum, maxDepth } = field ?? {};
        if (minimum !== undefined) expect(rule).toContain(`${minimum} to ${maximum}`);
        if (maxLength !== undefined) {
          const least = minLength === 0 ? "up to" : `${minLength} to`;
          expect(rule).toContain(`${least} ${maxLength} characters`);
        }
        if (maxDepth !== undefined) expect(rule).toContain(`${maxDepth} levels`);
        expect(rule.includes("optional")).toBe("default" in (field ?? {}));
      }
    }
  });

  it("has the limits and the defaults of the code", () => {
    const { eventBytes, batchBytes, batchEvents, explainedRejections, metadataNumbersAsWritten } =
      LIMITS;
    const { batchDepth, besideEventsBytes, besideEventsLists, expansionRatio, expansionFreeBytes } =
      LIMITS;
    const settings = readSettings(gatewaySettings, {});
    const text = page.replaceAll(/\s+/g, " ");
    for (const part of [
      `${eventBytes / 1_024} KB for an event`,
      `${batchBytes / 1_024 ** 2} MB, ${batchEvents.toLocaleString("en")} events`,
      `At most ${metadataNumbersAsWritten} of them may have 16 digits or more`,
      `${batchDepth} levels in a batch`,
      `${besideEventsBytes / 1_024} KB in a JSON batch beside its events`,
      `${besideEventsLists} lists with elements beside the events`,
      `is larger than ${expansionFreeBytes / 1_024} KB and more than ${expansionRatio} times its compressed size`,
      `Past the first ${explainedRejections} of a batch`,
      `Within the last ${settings.eventMaxAgeMs / 86_400_000} days, at most ${settings.eventMaxAheadMs / 60_000} minutes ahead`,
      `headers within ${settings.headersTimeoutMs / 1_000} s, the whole request within ${settings.requestTimeoutMs / 1_000} s`,
      `at most ${settings.inFlightMaxBytes / 1_024 ** 2} MB of bodies`,
      `kept for ${settings.keepAliveTimeoutMs / 1_000} s of silence`,
      `up to ${settings.tracesGivenMaxPerSecond} a second`,
    ]) {
      expect(text).toContain(part);
    }
  });
});

describe("the gateway's OpenAPI document, compared with its answers", () => {
  let intake: TestIntake | undefined;
  afterEach(() => intake?.close());

  it("has the headers of docs/http.md", () => {
    expect(Object.keys(document.components.headers)).toEqual(namesOf(ANSWER_HEADERS));
    for (const path of ["/api/push", "/api/ingest"]) {
      const parameters = document.paths[path]?.["post"]?.parameters ?? [];
      expect(namesOf(parameters)).toEqual(namesOf(REQUEST_HEADERS));
    }
  });

  it("has the routes of docs/http.md, and each of them exists", async () => {
    intake = await startTestIntake();
    const routes = rowsUnder("route", "what").flatMap((cells) => codesIn(cells.join()));
    const named = routes.map((route) => route.match(/^(?:(GET|POST) )?(\/[\w./]+)$/) ?? []);
    const paths = named.flatMap(([, , path = ""]) => path).filter((path) => path !== "");
    for (const [, method = "GET", path] of named) {
      if (path === undefined) continue;
      const { status } = await fetch(intake.url + path, { method });
      expect([path, [404, 405].includes(status)]).toEqual([path, false]);
    }
    const { detail } = (await (await intake.get("/x")).json()) as { detail: string };
    expect(paths.toSorted()).toEqual((detail.match(/\/[\w./]+/g) ?? []).toSorted());
    for (const path of Object.keys(document.paths)) expect(paths).toContain(path);
  });

  it("names every header of every answer, and no others", async () => {
    const seen = new Map<string, Set<number>>();
    const note = (status: number, names: Iterable<string>) => {
      for (const name of names) seen.set(name, (seen.get(name) ?? new Set()).add(status));
    };
    for await (const { status, headers } of answersOfAllKinds()) note(status, headers.keys());
    const replayed = replayedAnswer("{}");
    note(
      202,
      Object.keys(replayed.headers ?? {}).map((name) => name.toLowerCase()),
    );
    for (const usual of USUAL_HEADERS) seen.delete(usual);

    const described = new Map(ANSWER_HEADERS.map((header) => [header.name.toLowerCase(), header]));
    expect([...seen.keys()].toSorted()).toEqual([...described.keys()].toSorted());
    for (const [name, statuses] of seen) {
      const { on = [] } = described.get(name) ?? {};
      if (on === "any") continue;
      expect({ name, undescribed: [...statuses].filter((one) => !on.includes(one)) }).toEqual({
        name,
        undescribed: [],
      });
    }
    const responses = document.paths["/api/ingest"]?.["post"]?.responses ?? {};
    for (const [name, statuses] of seen) {
      for (const status of statuses) {
        if (!(status in responses)) continue;
        const headers = Object.keys(responses[status]?.headers ?? {});
        expect([status, headers.map((each) => each.toLowerCase())]).toEqual([
          status,
          expect.arrayContaining([name]),
        ]);
      }
    }
  });

  /** Of every HTTP answer, and of the connection's upkeep. */
  const USUAL_HEADERS = [
    "content-type",
    "content-length",
    "date",
    "keep-alive",
    "x-content-type-options",
    ...Object.keys(BROWSER_HEADERS).map((name) => name.toLowerCase()),
  ];

  async function* answersOfAllKinds(): AsyncGenerator<{ status: number; headers: Headers }> {
    const event = exampleEvent();
    const withId = { "x-batch-id": crypto.randomUUID(), "x-fiber-timing": "1" };
    intake = await startTestIntake();
    yield intake.post("/api/push", event);
    yield intake.post("/api/push", event, withId);
    yield intake.post("/api/ingest", [event, 7], withId);
    yield intake.post("/api/ingest", [7]);
    yield intake.post("/api/ingest", "{");
    yield intake.post("/api/push", " ".repeat(5_000));
    yield intake.post("/api/push", event, { "content-type": "text/plain" });
    yield intake.post("/api/push", event, { "content-encoding": "lzma" });
    yield intake.get("/api/push");
    yield intake.get("/nowhere");
    intake.beginStop();
    yield intake.post("/api/push", event);
    await intake.close();

    intake = await startTestIntake({ isKafkaUp: false });
    yield intake.post("/api/push", event);
    await intake.close();

    intake = await startTestIntake({
      produce: async ([first]) => [first ? "accepted" : "retry", "retry"],
    });
    yield intake.post("/api/ingest", [event, event]);
    await intake.close();

    const lookUp = () => Promise.resolve(null);
    const log = createLog({ service: "test", level: "silent", format: "json" });
    intake = await startTestIntake({
      authenticate: createAuthenticate({ lookUp, noteUse: () => undefined, log }),
    });
    yield intake.post("/api/push", event);
    yield intake.post("/api/push", event, { authorization: "Bearer fs_no_such" });
    await intake.close();

    const limit = { ratePerSecond: 1, burst: 1 };
    const sender = { id: "key", tenant: "acme", limit, mayReport: (node: string) => node !== "b" };
    intake = await startTestIntake({ authenticate: () => sender });
    yield intake.post("/api/push", exampleEvent({ node_id: "b" }));
    yield intake.post("/api/push", event);
    yield intake.post("/api/push", event);
  }
});
