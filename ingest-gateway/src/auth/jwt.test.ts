import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createJwtCheck, type SubjectOfJwt } from "./jwt.ts";

let server: Server;
let status: number;
let subjectOf: SubjectOfJwt;
let keys: Awaited<ReturnType<typeof generateKeyPair>>;

beforeEach(async () => {
  keys = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "one", alg: "ES256" };
  status = 200;
  server = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ keys: [jwk] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  subjectOf = createJwtCheck({
    issuer: "https://id.example.net",
    audience: "fiberstream",
    jwksUrl: `http://127.0.0.1:${port}/jwks`,
  });
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const jwt = (
  changes: { issuer?: string; audience?: string; expires?: string; alg?: string } = {},
) =>
  new SignJWT()
    .setProtectedHeader({ alg: changes.alg ?? "ES256", kid: "one" })
    .setSubject("relay-7")
    .setIssuer(changes.issuer ?? "https://id.example.net")
    .setAudience(changes.audience ?? "fiberstream")
    .setExpirationTime(changes.expires ?? "1h");
const signed = (...changes: Parameters<typeof jwt>) => jwt(...changes).sign(keys.privateKey);
const subject = async (token: string) => subjectOf(token);

describe("JWTs", () => {
  it("tell their subject, also while their issuer is away once its keys are known", async () => {
    expect(await subject(await signed())).toBe("relay-7");
    server.close();
    server.closeAllConnections();
    expect(await subject(await signed({ expires: "2h" }))).toBe("relay-7");
  });

  it.each([
    ["another issuer", { issuer: "https://evil.example.net" }, "INVALID_TOKEN"],
    ["another audience", { audience: "billing" }, "INVALID_TOKEN"],
    ["a time that has passed", { expires: "-1s" }, "EXPIRED_TOKEN"],
  ])("are refused for %s", async (_what, changes, code) => {
    await expect(subject(await signed(changes))).rejects.toMatchObject({ code });
  });

  it("are refused when somebody else has signed them, or nobody", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const forged = await jwt().sign(privateKey);
    await expect(subject(forged)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    const [, payload = ""] = (await signed()).split(".");
    const header = Buffer.from('{"alg":"none"}').toString("base64url");
    const unsigned = subject(`${header}.${payload}.`);
    await expect(unsigned).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    const withSecret = subject(await jwt({ alg: "HS256" }).sign(Buffer.alloc(32)));
    await expect(withSecret).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });

  it("have to wait while their issuer's keys cannot be had", async () => {
    status = 500;
    const refused = subject(await signed());
    await expect(refused).rejects.toMatchObject({ code: "AUTH_UNAVAILABLE" });
  });
});
