import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { meaningOf } from "../answers/codes.ts";
import type { Refusal } from "../answers/refusal.ts";
import { createJwtCheck, type SubjectOfJwt } from "./jwt.ts";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let server: Server;
let status: number;
let published: JWK[];
let fetches: number;
let keys: Pair;
let subjectOf: SubjectOfJwt;

const jwkOf = async ({ publicKey }: Pair, kid?: string): Promise<JWK> => ({
  ...(await exportJWK(publicKey)),
  ...(kid !== undefined && { kid }),
  alg: "ES256",
});
const checkWith = (fetchAtMostEveryMs: number) =>
  createJwtCheck({
    issuer: "https://id.example.net",
    audience: "fiberstream",
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    fetchAtMostEveryMs,
  });

beforeEach(async () => {
  keys = await generateKeyPair("ES256");
  published = [await jwkOf(keys, "one")];
  status = 200;
  fetches = 0;
  server = createServer((_request, response) => {
    fetches++;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ keys: published }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  subjectOf = checkWith(0);
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

type Changes = {
  issuer?: string;
  audience?: string;
  expires?: string;
  alg?: string;
  kid?: string | undefined;
  notBefore?: string;
};
function jwt(changes: Changes = {}) {
  const { kid } = { kid: "one", ...changes };
  const token = new SignJWT()
    .setProtectedHeader({ alg: changes.alg ?? "ES256", ...(kid !== undefined && { kid }) })
    .setSubject("relay-7")
    .setIssuer(changes.issuer ?? "https://id.example.net")
    .setAudience(changes.audience ?? "fiberstream")
    .setExpirationTime(changes.expires ?? "1h");
  return changes.notBefore === undefined ? token : token.setNotBefore(changes.notBefore);
}
const signed = (changes?: Changes, by = keys) => jwt(changes).sign(by.privateKey);
const ADDRESS = "192.0.2.1";
const subject = async (token: string) => subjectOf(token, ADDRESS);
const invalid = {
  code: "INVALID_TOKEN",
  headers: { "WWW-Authenticate": 'Bearer realm="fiberstream", error="invalid_token"' },
};

describe("JWTs", () => {
  it("have a subject, also while the issuer is unavailable once its keys are known", async () => {
    expect(await subject(await signed())).toBe("relay-7");
    server.close();
    server.closeAllConnections();
    expect(await subject(await signed({ expires: "2h" }))).toBe("relay-7");
  });

  it.each([
    ["another issuer", { issuer: "https://evil.example.net" }, "INVALID_TOKEN"],
    ["another audience", { audience: "billing" }, "INVALID_TOKEN"],
    ["a time that has passed", { expires: "-90s" }, "EXPIRED_TOKEN"],
    ["a time that is to come", { notBefore: "90s" }, "INVALID_TOKEN"],
  ])("are refused for %s", async (_what, changes, code) => {
    await expect(subject(await signed(changes))).rejects.toMatchObject({ ...invalid, code });
  });

  it("are accepted if the issuer's clock is some seconds off", async () => {
    expect(await subject(await signed({ notBefore: "20s" }))).toBe("relay-7");
    expect(await subject(await signed({ expires: "-20s" }))).toBe("relay-7");
  });

  it("are refused if somebody else has signed them, or nobody", async () => {
    const forged = await signed({}, await generateKeyPair("ES256"));
    await expect(subject(forged)).rejects.toMatchObject(invalid);
    const [, payload = ""] = (await signed()).split(".");
    const header = Buffer.from('{"alg":"none"}').toString("base64url");
    await expect(subject(`${header}.${payload}.`)).rejects.toMatchObject(invalid);
  });

  it("are refused for an algorithm with a shared secret before any key is fetched", async () => {
    const secret = Buffer.alloc(32, 7);
    published = [{ kty: "oct", kid: "one", alg: "HS256", k: secret.toString("base64url") }];
    const refused = subject(await jwt({ alg: "HS256" }).sign(secret));
    await expect(refused).rejects.toMatchObject(invalid);
    await expect(refused).rejects.toThrow(/"alg".*not allowed/);
    expect(fetches).toBe(0);
  });

  it("may name no key: each suitable key is tried", async () => {
    const others = await Promise.all([generateKeyPair("ES256"), generateKeyPair("ES256")]);
    published = await Promise.all([...others, keys].map((pair) => jwkOf(pair)));
    expect(await subject(await signed({ kid: undefined }))).toBe("relay-7");
    const forged = await signed({ kid: undefined }, await generateKeyPair("ES256"));
    await expect(subject(forged)).rejects.toMatchObject(invalid);
  });

  it("that name no key are checked with four keys at most", async () => {
    const others = await Promise.all(Array.from({ length: 5 }, () => generateKeyPair("ES256")));
    published = await Promise.all([...others, keys].map((pair) => jwkOf(pair)));
    const [first] = others;
    expect(await subject(await signed({ kid: undefined }, first))).toBe("relay-7");
    await expect(subject(await signed({ kid: undefined }))).rejects.toMatchObject(invalid);
    published = await Promise.all([...others, keys].map((pair, at) => jwkOf(pair, `key-${at}`)));
    subjectOf = checkWith(0);
    expect(await subject(await signed({ kid: "key-5" }))).toBe("relay-7");
  });

  it("that were refused are refused again without a check", async () => {
    const forged = await signed({ kid: undefined }, await generateKeyPair("ES256"));
    await expect(subject(forged)).rejects.toMatchObject(invalid);
    const fetched = fetches;
    await expect(subject(forged)).rejects.toMatchObject(invalid);
    expect(fetches).toBe(fetched);
    const other = await signed({ kid: undefined }, await generateKeyPair("ES256"));
    await expect(subject(other)).rejects.toMatchObject(invalid);
    expect(fetches).toBe(fetched + 1);
  });

  it.each([
    ["and name it", "two"],
    ["and name none", undefined],
  ])("are accepted if their key was published a moment ago, %s", async (_what, kid) => {
    expect(await subject(await signed())).toBe("relay-7");
    const next = await generateKeyPair("ES256");
    published = [...published, await jwkOf(next, "two")];
    expect(await subject(await signed({ kid }, next))).toBe("relay-7");
    expect(fetches).toBe(2);
  });

  it("with a key that the issuer does not have get 401 once its keys were fetched again, otherwise 429", async () => {
    await expect(subject(await signed({ kid: "invented" }))).rejects.toMatchObject(invalid);
    const check = checkWith(3_600_000);
    fetches = 0;
    expect(await check(await signed(), ADDRESS)).toBe("relay-7");
    for (let number = 0; number < 20; number++) {
      const refused = Promise.resolve(check(await signed({ kid: `invented-${number}` }), ADDRESS));
      const { code } = (await refused.catch((error: unknown) => error)) as Refusal;
      // Whoever invents keys does not make the gateway look as if it failed.
      expect(code).toBe("UNKNOWN_JWT_KEY");
      expect(meaningOf(code)).toMatchObject({ status: 429, retryAfterSeconds: 5 });
    }
    expect(await check(await signed({ expires: "2h" }), ADDRESS)).toBe("relay-7");
    expect(fetches).toBe(1);
  });

  it("have to be retried while the issuer's keys cannot be fetched; the issuer is not asked for each", async () => {
    status = 500;
    const check = checkWith(3_600_000);
    for (let number = 0; number < 5; number++) {
      const refused = Promise.resolve(check(await signed(), ADDRESS));
      await expect(refused).rejects.toMatchObject({ code: "AUTH_UNAVAILABLE" });
    }
    expect(fetches).toBe(1);
  });

  it("that many others forge wait no longer than for a hundred of each address", async () => {
    expect(await subject(await signed())).toBe("relay-7");
    const other = await generateKeyPair("ES256");
    const forged = await Promise.all(
      Array.from({ length: 400 }, (_, at) => signed({ expires: `${at + 1}h` }, other)),
    );
    const honest = await signed({ expires: "2h" });
    const ended: string[] = [];
    const flood = forged.map(async (token) => {
      const refused: unknown = await subject(token).catch((error: unknown) => error);
      ended.push((refused as Refusal).code);
    });
    // The same one in many requests is verified once.
    const sent = Array.from({ length: 200 }, async () => subjectOf(honest, "192.0.2.2"));
    expect(new Set(await Promise.all(sent))).toEqual(new Set(["relay-7"]));
    expect(ended.filter((code) => code === "INVALID_TOKEN").length).toBeLessThanOrEqual(100);
    await Promise.all(flood);
    expect(ended.filter((code) => code === "RATE_LIMITED")).toHaveLength(300);
    expect(meaningOf("RATE_LIMITED").status).toBe(429);
  });
});
