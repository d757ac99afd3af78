import { readSettings } from "@fiberstream/runtime/settings";
import { describe, expect, it } from "@jest/globals";
import { kafkaAccess, registryAccess } from "./access.ts";
import { kafkaSettings } from "./settings.ts";

const read = (environment: Record<string, string>) => readSettings(kafkaSettings(), environment);
/** Any file that can be read. */
const FILE = import.meta.filename;
const SCRAM = {
  KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
  KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
  KAFKA_SASL_USERNAME: "sink-writer",
  KAFKA_SASL_PASSWORD: "hunter2",
};
const OAUTH = {
  KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
  KAFKA_SASL_MECHANISM: "OAUTHBEARER",
  KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: "https://tokens.example/token",
  KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "sink-writer",
  KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: "hunter2",
};
const MUTUAL = {
  KAFKA_SECURITY_PROTOCOL: "SSL",
  KAFKA_SSL_CA_LOCATION: FILE,
  KAFKA_SSL_CERTIFICATE_LOCATION: FILE,
  KAFKA_SSL_KEY_LOCATION: FILE,
};

describe("kafkaAccess", () => {
  it.each([
    ["nothing by default", {}, {}],
    ["TLS alone", { KAFKA_SECURITY_PROTOCOL: "SSL" }, { tls: {} }],
    ["mutual TLS", MUTUAL, { tls: { caFile: FILE, certificateFile: FILE, keyFile: FILE } }],
    [
      "SCRAM over TLS",
      SCRAM,
      {
        tls: {},
        sasl: { mechanism: "scram-sha-512", username: "sink-writer", password: "hunter2" },
      },
    ],
    [
      "OAUTHBEARER",
      OAUTH,
      { sasl: { mechanism: "oauthbearer", oauthBearerProvider: expect.any(Function) } },
    ],
  ])("gives %s", (_, environment, security) => {
    expect(kafkaAccess(read(environment)).security).toMatchObject(security);
  });

  it.each([
    [{ KAFKA_SSL_CA_LOCATION: FILE }, "KAFKA_SECURITY_PROTOCOL is PLAINTEXT, without TLS"],
    [{ ...MUTUAL, KAFKA_SSL_KEY_LOCATION: "" }, "must be set together, and one is missing"],
    [{ ...MUTUAL, KAFKA_SSL_CA_LOCATION: "/none.pem" }, "KAFKA_SSL_CA_LOCATION: ENOENT"],
    [{ KAFKA_SECURITY_PROTOCOL: "SASL_SSL" }, "KAFKA_SASL_MECHANISM: is not set"],
    [{ ...SCRAM, KAFKA_SECURITY_PROTOCOL: "SSL" }, "needs a SASL_ protocol"],
    [{ ...SCRAM, KAFKA_SASL_PASSWORD: "" }, "KAFKA_SASL_PASSWORD: is not set"],
    [{ KAFKA_SASL_USERNAME: "me" }, "KAFKA_SASL_USERNAME: is set, but"],
    [{ ...OAUTH, KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "" }, "CLIENT_ID: is not set"],
    [{ ...SCRAM, KAFKA_SASL_OAUTHBEARER_CLIENT_ID: "me" }, "CLIENT_ID: is set, but"],
    [
      { ...SCRAM, KAFKA_SECURITY_PROTOCOL: "SASL_PLAINTEXT", KAFKA_SASL_MECHANISM: "PLAIN" },
      "would send the secret unencrypted",
    ],
    [
      { ...OAUTH, KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: "http://tokens.example/" },
      "must be https",
    ],
  ])("refuses %j", (environment, reason) => {
    const access = () => kafkaAccess(read(environment));
    expect(access).toThrow(reason);
    expect(access).not.toThrow("hunter2");
  });

  it("lists all settings that contradict each other", () => {
    const settings = { ...SCRAM, KAFKA_SASL_USERNAME: "", KAFKA_SASL_PASSWORD: "" };
    expect(() => kafkaAccess(read(settings))).toThrow(/2 settings[^]*USERNAME[^]*PASSWORD/);
  });
});

describe("registryAccess", () => {
  const url = "https://registry.example/apis/ccompat/v7";

  it("takes a password with a colon in it", () => {
    const config = read({
      SCHEMA_REGISTRY_URL: url,
      SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: "sink:a:b",
    });
    expect(registryAccess(config).security.user).toEqual({ username: "sink", password: "a:b" });
  });

  it.each([
    [{ SCHEMA_REGISTRY_URL: "https://me:hunter2@registry.example/" }, "URLs are logged"],
    [{ SCHEMA_REGISTRY_SSL_CA_LOCATION: FILE }, "is not an https address"],
    [{ SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_SSL_CA_LOCATION: "/none.pem" }, "ENOENT"],
  ])("refuses %j", (environment, reason) => {
    const access = () => registryAccess(read(environment));
    expect(access).toThrow(reason);
    expect(access).not.toThrow("hunter2");
  });
});
