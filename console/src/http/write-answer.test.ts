import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { writeAnswer } from "./write-answer.ts";

let server: Server;
let asker: Socket;
afterEach(() => {
  asker.destroy();
  server.close();
});

describe("an answer that its asker does not read", () => {
  it("is dropped with its connection after a time, so that it takes no more memory", async () => {
    const body = Buffer.alloc(32 * 1024 ** 2);
    let isReceived: boolean | undefined;
    server = createServer((request, response) => {
      response.once("close", () => (isReceived = response.writableFinished));
      writeAnswer(
        request,
        response,
        { status: 200, contentType: "application/json", body },
        { requestId: "unread", isLast: false, answerMaxMs: 50 },
      );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const connected = once(server, "connection") as Promise<[Socket]>;
    asker = connect((server.address() as AddressInfo).port, "127.0.0.1");
    asker.on("error", () => undefined).pause();
    asker.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const [connection] = await connected;
    await once(connection, "close");
    expect(isReceived).toBe(false);
  });
});
