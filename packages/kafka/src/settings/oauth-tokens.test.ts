import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { TransientError } from "@fiberstream/runtime/errors";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createTokenSource } from "./oauth-tokens.ts";

type Asked = { authorization: string | undefined; body: string };

let server: Server;
let asked: Asked[];
let answer: { status: number; body: object; headers?: Record<string, string> };
let nowMs: number;

beforeEach(async () => {
  asked = [];
  nowMs = 0;
  answer = { status: 200, body: { access_token: "one", expires_in: 100 } };
  server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push({ authorization: request.headers.authorization, body });
      response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const source = () =>
  createTokenSource({
    tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    clientId: "sink writer",
    clientSecret: "s:cret",
    scope: "kafka",
    nowMs: () => nowMs,
  });

describe("createTokenSource", () => {
  it("requests a token as RFC 6749 says, once for all callers", async () => {
    const token = source();
    expect(await Promise.all([token(), token()])).toEqual([{ value: "one" }, { value: "one" }]);
    expect(asked).toEqual([
      {
        authorization: `Basic ${Buffer.from("sink%20writer:s%3Acret").toString("base64")}`,
        body: "grant_type=client_credentials&scope=kafka",
      },
    ]);
  });

  it("requests a new token before the old one expires", async () => {
    const token = source();
    await token();
    nowMs = 79_000;
    await token();
    expect(asked).toHaveLength(1);
    nowMs = 81_000;
    answer.body = { access_token: "two", expires_in: 100 };
    expect(await token()).toEqual({ value: "two" });
  });

  it("throws a transient error without a token, with the reason and without a secret", async () => {
    answer = { status: 401, body: { error: "invalid_client" } };
    const refused = source()();
    await expect(refused).rejects.toBeInstanceOf(TransientError);
    await expect(refused).rejects.toThrow(/^no token from http:.*: status 401 \(invalid_client\)$/);
  });

  it("shows its secret to no other address that the endpoint redirects to", async () => {
    answer = { status: 307, body: {}, headers: { Location: "/elsewhere" } };
    await expect(source()()).rejects.toThrow(/: status 307$/);
    expect(asked).toHaveLength(1);
  });
});
