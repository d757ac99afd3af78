import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await intake.close();
});

const event = JSON.stringify(exampleEvent());
const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};
const sendOn = (text: string) => {
  const socket = intake.connect().on("error", () => undefined);
  sockets.push(socket);
  socket.write(text);
  return socket;
};

describe("pipelined requests", () => {
  const push = (node_id: string) => {
    const body = JSON.stringify(exampleEvent({ node_id }));
    return `POST /api/push HTTP/1.1\r\nHost: x\r\nX-Key: ${node_id}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };
  const nodes = () => intake.produced.map(({ event: { node_id } }) => node_id);

  it("are processed one after the other, whatever the first one waits for", async () => {
    let answers = 0;
    intake = await startTestIntake({
      authenticate: async (request) => {
        // Long enough for all that is in the socket to have been read.
        if (request.headers["x-key"] === "first") {
          for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
        }
        return { id: "one", tenant: "default" };
      },
    });
    const socket = sendOn(push("first") + push("second") + push("third"));
    socket.setEncoding("utf8").on("data", (text: string) => {
      answers += text.split("HTTP/1.1 202 ").length - 1;
    });
    await until(() => answers === 3);
    expect(nodes()).toEqual(["first", "second", "third"]);
  });

  it("are not processed if the connection was cut before their turn", async () => {
    const begun: unknown[] = [];
    let isCut = false;
    intake = await startTestIntake({
      authenticate: async ({ headers, socket }) => {
        begun.push(headers["x-key"]);
        if (headers["x-key"] === "first") {
          await once(socket, "close");
          isCut = true;
        }
        return { id: "one", tenant: "default" };
      },
    });
    const socket = sendOn(push("first") + push("second"));
    await until(() => begun.length === 1);
    socket.destroy();
    await until(() => isCut);
    expect((await intake.post("/api/push", event, { "x-key": "other" })).status).toBe(202);
    expect(begun).toEqual(["first", "other"]);
    expect(nodes()).toEqual([exampleEvent().node_id]);
  });

  it("are limited for each connection", async () => {
    intake = await startTestIntake({ produce: () => new Promise(() => undefined) });
    const socket = sendOn(push("first").repeat(200));
    // What it still sends may have its end come as a reset.
    await new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
    expect(socket.destroyed).toBe(true);
  });

  it("are limited for all connections together, but for one on each", async () => {
    const acknowledged = Promise.withResolvers<void>();
    intake = await startTestIntake({
      produce: async (events) => {
        await acknowledged.promise;
        return events.map(() => "accepted");
      },
    });
    let closed = 0;
    for (let sent = 0; sent < 30; sent++)
      sendOn(push("greedy").repeat(60)).on("close", () => closed++);
    await until(() => closed === 30 - Math.floor(1_000 / 58));
    const socket = sendOn(push("first") + push("second"));
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => (received += text));
    await intake.get("/api/status");
    acknowledged.resolve();
    await until(() => received.split("HTTP/1.1 202 ").length === 3);
    for (const one of sockets) one.destroy();
    // What those that are gone held is free for others.
    const later = sendOn(push("later").repeat(60));
    let answers = 0;
    later.setEncoding("utf8").on("data", (text: string) => {
      answers += text.split("HTTP/1.1 202 ").length - 1;
    });
    await until(() => answers === 60);
  });
});
