import { readSettings } from "@fiberstream/runtime/settings";
import { describe, expect, it } from "@jest/globals";
import { redisAccess, redisSettings } from "./settings.ts";

const access = (environment: Record<string, string>) =>
  redisAccess(readSettings(redisSettings(), environment));
/** Any file that can be read. */
const FILE = import.meta.filename;
const TLS = { REDIS_URL: "rediss://redis.example:6379", REDIS_TLS_CA_CERT_FILE: FILE };

describe("redisAccess", () => {
  it("is plain by default, and TLS for rediss://", () => {
    expect(access({})).toEqual({ url: "redis://localhost:6379" });
    expect(access(TLS)).toMatchObject({ url: TLS.REDIS_URL, tls: { caFile: FILE } });
  });

  it.each([
    [{ REDIS_TLS_CA_CERT_FILE: FILE }, "REDIS_URL does not begin with rediss://"],
    [{ ...TLS, REDIS_TLS_CERT_FILE: FILE }, "must be set together"],
    [{ ...TLS, REDIS_TLS_CA_CERT_FILE: "/none.pem" }, "REDIS_TLS_CA_CERT_FILE: ENOENT"],
  ])("refuses %j", (environment, reason) => {
    expect(() => access(environment)).toThrow(reason);
  });
});
