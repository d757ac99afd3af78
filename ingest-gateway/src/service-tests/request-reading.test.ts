import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
beforeAll(async () => {
  intake = await startTestIntake();
});
afterAll(() => intake.close());

const event = JSON.stringify(exampleEvent());
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const sent = (target: string, headers: string[] = [], version = "1.1") =>
  intake.raw(
    [
      `POST ${target} HTTP/${version}`,
      "Host: x",
      "Connection: close",
      "Content-Type: application/json",
      `Content-Length: ${event.length}`,
      ...headers,
      "",
      event,
    ].join("\r\n"),
  );

describe("the path of a request", () => {
  it.each([
    "/api/push",
    "/api/push?a=/b",
    "http://gateway.example.net/api/push",
    "HTTPS://gateway.example.net:8443/api/push?a",
  ])("is taken in each form: %s", async (target) => {
    expect(await sent(target)).toMatch(/^HTTP\/1.1 202 /);
  });

  it.each(["/api/push/", "/API/push", "/api//push", "http://gateway.example.net", "*"])(
    "is no other path: %s",
    async (target) => {
      const answer = await sent(target);
      expect(answer).toMatch(/^HTTP\/1.1 404 .*"code":"NOT_FOUND"/s);
      expect(answer).toContain("/api/push, /api/ingest");
    },
  );

  it.each([
    "http://[",
    "http://[::1",
    "https://[/api/status",
    "http://gateway.example.net:port/docs",
  ])("gets a problem document if it cannot be parsed: %s", async (target) => {
    const answer = await intake.raw(
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json.*"code":"MALFORMED_HTTP"/s);
  });

  it.each(["TRACE", "TRACK", "CONNECT"])("does not support %s", async (method) => {
    const answer = await intake.raw(
      `${method} /api/status HTTP/1.1\r\nHost: x\r\nX-Secret: repeated\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).not.toMatch(/^HTTP\/1.1 2|repeated/);
  });

  it("may have the absolute form, also for routes that are only read", async () => {
    const head = "GET http://gateway.example.net/api/status HTTP/1.1\r\nHost: x\r\n";
    expect(await intake.raw(`${head}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe("Expect", () => {
  it.each(["foo", "100-continue, foo", "200-ok"])(
    "is refused if it is not 100-continue: %s",
    async (expectation) => {
      const answer = await sent("/api/push", [`Expect: ${expectation}`]);
      expect(answer).toMatch(/^HTTP\/1.1 417 .*"code":"EXPECTATION_FAILED"/s);
    },
  );

  it("is accepted in upper and lower case", async () => {
    const answer = await sent("/api/push", ["Expect: 100-Continue"]);
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 202 /);
  });

  it("is ignored in HTTP/1.0", async () => {
    expect(await sent("/api/push", ["Expect: 100-continue"], "1.0")).toMatch(/^HTTP\/1.1 202 /);
  });
});

describe("a body", () => {
  it.each(["identity", "Identity", "IDENTITY"])("may be %s", async (encoding) => {
    const answer = await intake.post("/api/push", event, { "content-encoding": encoding });
    expect(answer.status).toBe(202);
  });

  it("may begin with a byte order mark", async () => {
    const one = await intake.post("/api/push", Buffer.concat([MARK, Buffer.from(event)]));
    expect(one.status).toBe(202);
    const lines = Buffer.concat([MARK, Buffer.from(`${event}\n${event}`)]);
    const many = await intake.post("/api/ingest", lines, {
      "content-type": "application/x-ndjson",
    });
    expect(await many.json()).toMatchObject({ data: { accepted: 2, rejected: 0 } });
  });

  it("may have no second byte order mark", async () => {
    const twice = Buffer.concat([MARK, MARK, Buffer.from(event)]);
    expect((await intake.post("/api/push", twice)).status).toBe(400);
  });

  it.each([
    ["none", undefined, /got none.*-H 'Content-Type: application\/json'/],
    ["a form's, as curl -d has it", "application/x-www-form-urlencoded", /got "application/],
    ["plain text", "text/plain;charset=UTF-8", /got "text\/plain/],
    ["a list of two", "text/plain, application/json", /got "text\/plain/],
  ])("is not read with a Content-Type that any page may send: %s", async (_what, type, detail) => {
    for (const path of ["/api/push", "/api/ingest"]) {
      const response = await fetch(intake.url + path, {
        method: "POST",
        body: Buffer.from(`[${event}]`),
        headers: type === undefined ? {} : { "content-type": type },
      });
      expect(response.status).toBe(415);
      expect(await response.json()).toMatchObject({
        code: "UNSUPPORTED_MEDIA_TYPE",
        detail: expect.stringMatching(detail),
      });
    }
  });
});

describe("what an answer repeats of a request", () => {
  const detailFor = async (country: string) => {
    const response = await intake.post("/api/push", exampleEvent({ country }));
    const { detail } = (await response.json()) as { detail: string };
    return detail;
  };

  it("is cut between characters, wherever a surrogate pair is", async () => {
    for (let at = 30; at < 45; at++) {
      const detail = await detailFor(`${"a".repeat(at)}😀${"b".repeat(20)}`);
      expect(detail.isWellFormed()).toBe(true);
      expect(detail).toContain("…");
    }
  });

  it("has no character that a terminal would interpret", async () => {
    const detail = await detailFor("\u001b[2J\u202e\u0085\u007f");
    expect(detail).toContain(String.raw`got "\u001b[2J\u202e\u0085\u007f"`);
  });
});
