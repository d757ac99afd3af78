import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { startKafka } from "@fiberstream/local-stack/native/kafka";
import type {
  BackingService,
  BackingServiceOptions,
} from "@fiberstream/local-stack/native/backing-service";
import type { Authority } from "./certificates.ts";
import { AUDIENCE, ISSUER } from "./token-issuer.ts";

/**
 * Starts a Kafka with authentication: certificates (mutual TLS) on `port`, SCRAM-SHA-512 or OAUTHBEARER over TLS on
 * `saslPort`. Users have the permissions of ACLs; `admin` is a super user. With a certificate, the user name is the
 * common name.
 */
export async function startSecuredKafka(
  options: BackingServiceOptions & {
    saslPort: number;
    controllerPort: number;
    authority: Authority;
    /** Passwords by user. */
    scramUsers: Readonly<Record<string, string>>;
    /** Public keys of the token issuer. */
    jwks: string;
  },
): Promise<BackingService> {
  const { port, saslPort, controllerPort, authority, dataDir } = options;
  const broker = authority.issue("broker");
  const files = join(dataDir, "tls");
  mkdirSync(files, { recursive: true });
  copyFileSync(authority.caFile, join(files, "ca.crt"));
  const [key, certificate] = [broker.keyFile, broker.certificateFile].map((path) =>
    readFileSync(path, "utf8"),
  );
  writeFileSync(join(files, "broker.pem"), `${key}${certificate}`, { mode: 0o600 });
  writeFileSync(join(files, "jwks.json"), options.jwks);

  const listeners = [
    `SSL://127.0.0.1:${port}`,
    `SASL_SSL://127.0.0.1:${saslPort}`,
    `CONTROLLER://127.0.0.1:${controllerPort}`,
  ].join(",");
  return startKafka({
    ...options,
    protection: {
      properties: {
        ...PROPERTIES,
        listeners,
        "advertised.listeners": listeners,
        "sasl.oauthbearer.jwks.endpoint.url": JWKS_URL,
        "sasl.oauthbearer.expected.audience": AUDIENCE,
        "sasl.oauthbearer.expected.issuer": ISSUER,
      },
      javaArguments: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${JWKS_URL}`],
      formatArguments: Object.entries(options.scramUsers).flatMap(([name, password]) => [
        "--add-scram",
        `SCRAM-SHA-512=[name=${name},password=${password}]`,
      ]),
      connect: () =>
        connect({
          host: "127.0.0.1",
          port,
          ca: readFileSync(authority.caFile),
          cert: certificate,
          key,
        }),
    },
  });
}

const JWKS_URL = "file:///data/tls/jwks.json";
const SASL = "listener.name.sasl_ssl";
const MODULES = "org.apache.kafka.common.security";

const PROPERTIES = {
  "listener.security.protocol.map": "SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:SSL",
  "inter.broker.listener.name": "SSL",
  "ssl.keystore.type": "PEM",
  "ssl.keystore.location": "/data/tls/broker.pem",
  "ssl.truststore.type": "PEM",
  "ssl.truststore.location": "/data/tls/ca.crt",
  "ssl.client.auth": "required",
  // Short, so that a test includes a re-authentication.
  "connections.max.reauth.ms": "20000",
  "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "super.users": "User:broker;User:admin",
  "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
  [`${SASL}.scram-sha-512.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
  [`${SASL}.oauthbearer.sasl.jaas.config`]: `${MODULES}.oauthbearer.OAuthBearerLoginModule required;`,
  [`${SASL}.oauthbearer.sasl.server.callback.handler.class`]: `${MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
};
