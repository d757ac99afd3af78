import { once } from "node:events";
import { connect } from "node:net";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestConsole, type TestConsole } from "./console-fixture.ts";

let life: Life;
let open: TestConsole;
let keyed: TestConsole;
beforeAll(async () => {
  life = createLife();
  open = await startTestConsole(life);
  keyed = await startTestConsole(life, { AUTH_MODE: "keys" });
});
afterAll(() => life.stop());

/** Sends the bytes of a request whose body does not end, and returns all that comes until the console closes. */
async function answerTo({ service }: TestConsole, body: string): Promise<string> {
  const { hostname, port } = new URL(service.url);
  const connection = connect(Number(port), hostname);
  let answer = "";
  connection.on("data", (bytes: Buffer) => void (answer += bytes.toString()));
  connection.on("error", () => undefined);
  connection.write(
    "POST /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
      body,
  );
  await once(connection, "close");
  return answer;
}

describe("a body", () => {
  it("is not awaited from who has no key, whose connection is closed", async () => {
    const answer = await answerTo(keyed, "1\r\n{\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/^Connection: close\r$/im);
  });

  it("is refused when it arrives in very many small chunks", async () => {
    const answer = await answerTo(open, "1\r\n \r\n".repeat(20_000));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain("at least 64 bytes on average");
  });
});
