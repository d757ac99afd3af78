import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { unauthorized } from "../auth/unauthorized.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { type Produce, startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());

const event = JSON.stringify(exampleEvent());
const HEAD = "POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const POST = `${HEAD}Content-Length: ${event.length}\r\n\r\n${event}`;

const statusesOf = async (socket: Socket) => {
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  await once(socket, "close");
  return received.match(/(?<=HTTP\/1\.1 )\d+/g);
};

describe("bytes that are not a request", () => {
  it.each([
    ["one request", POST, ["202", "400"]],
    ["two", POST + POST, ["202", "202", "400"]],
  ])("are answered after the requests before them: %s", async (_what, requests, statuses) => {
    const begun = Promise.withResolvers<void>();
    const acknowledged = Promise.withResolvers<void>();
    const produce: Produce = async (events) => {
      begun.resolve();
      await acknowledged.promise;
      return events.map(() => "accepted");
    };
    intake = await startTestIntake({ produce });
    const socket = intake.connect();
    const answers = statusesOf(socket);
    socket.write(requests);
    await begun.promise;
    socket.write("nonsense\r\n\r\n");
    // Heard before the acknowledgement: another request has had its answer since.
    await intake.get("/api/status");
    await intake.get("/api/status");
    acknowledged.resolve();
    expect(await answers).toEqual(statuses);
  });

  it("get no answer if they are the rest of a request that was answered already", async () => {
    intake = await startTestIntake({
      authenticate: () => {
        throw unauthorized("MISSING_TOKEN", "send a token");
      },
    });
    const socket = intake.connect();
    const answers = statusesOf(socket);
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    await once(socket, "data");
    socket.write("zz\r\n");
    expect(await answers).toEqual(["401"]);
  });
});
