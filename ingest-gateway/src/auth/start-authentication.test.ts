import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readSettings } from "@fiberstream/runtime/settings";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { gatewaySettings } from "../settings.ts";
import { startAuthentication } from "./start-authentication.ts";

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

const start = (environment: Record<string, string>) =>
  startAuthentication({
    version: "0.0.0",
    config: readSettings(gatewaySettings, {
      DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none",
      ...environment,
    }),
    ask: () => Promise.reject(new TransientError("redis", "there is none")),
    life,
    registry: new Registry(),
    log: createLog({ service: "test", level: "silent", format: "json" }),
  });
const JWT = { JWT_ISSUER: "https://id.example.net", JWT_AUDIENCE: "fiberstream" };

describe("settings of authentication", () => {
  it.each([
    "http://id.example.net/jwks",
    "http://10.0.0.7/jwks",
    "http://127.0.0.1.example.net/jwks",
  ])("reject an address of JWT keys that anybody on the network path could replace: %s", (url) => {
    expect(() => start({ ...JWT, JWT_JWKS_URL: url })).toThrow(/JWT_JWKS_URL is http:.*https:/);
  });

  it.each([
    "https://id.example.net/jwks",
    "http://127.0.0.1:9000/jwks",
    "http://[::1]:9000/jwks",
    "http://localhost/jwks",
  ])("accept JWT keys from %s", (url) => {
    expect(() => start({ ...JWT, JWT_JWKS_URL: url })).not.toThrow();
  });

  it("need all JWT settings, or none", () => {
    expect(() => start(JWT)).toThrow(/must be set together/);
  });
});
