import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgresUrl } from "@fiberstream/local-stack/native/postgres";
import type { BackingService } from "@fiberstream/local-stack/native/backing-service";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { createLife } from "@fiberstream/runtime/life";
import { addresses } from "@fiberstream/testkit/addresses";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { type Authority, createAuthority } from "./certificates.ts";
import { startRegistryProxy } from "./registry-proxy.ts";
import { startSecuredKafka } from "./secured-kafka.ts";
import { startSecuredPostgres, startSecuredRedis } from "./secured-stores.ts";
import { startTokenIssuer, type TokenIssuer } from "./token-issuer.ts";

/** Different passwords, which cannot be in a log for another reason. */
export const SECRETS = {
  admin: "kafka-admin-Tr4wl",
  gateway: "kafka-gateway-Zeph1r",
  processorClient: "oauth-processor-Qu4rtz",
  registry: "registry-Lum3n",
  redisGateway: "redis-gateway-M4gpie",
  redisProcessor: "redis-processor-Ot7er",
  databaseGateway: "database-gateway-B1rch",
  databaseProcessor: "database-processor-Alder9",
  databaseSink: "database-sink-W1llow",
  databaseConsole: "database-console-Haz3l",
  databaseAuditor: "database-auditor-R0wan",
} as const;

export type SecuredBackingServices = {
  readonly authority: Authority;
  readonly tokens: TokenIssuer;
  /** Listener with certificates (mutual TLS). */
  readonly kafkaMutual: string;
  /** Listener with SCRAM or OAUTHBEARER. */
  readonly kafkaSasl: string;
  readonly registryUrl: string;
  readonly redisUrl: (user: "ingest-gateway" | "stream-processor") => string;
  /** @param user user name and password, as user:password */
  readonly databaseUrl: (user: string, database: string) => string;
  /** Kills Kafka with SIGKILL, and starts it with the same data. */
  readonly restartKafka: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

/**
 * Starts Kafka, PostgreSQL, Redis and the registry with TLS and authentication, natively (see `runsNatively`).
 *
 * @param namespace prefix of the keys that Redis allows its users
 */
export async function startSecuredBackingServices(
  namespace: string,
): Promise<SecuredBackingServices> {
  const root = await ensureTree(() => undefined);
  const life = createLife();
  const folder = life.own(mkdtempSync(join(tmpdir(), "fiberstream-secured-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const authority = createAuthority(join(folder, "authority"));
  const ports = await freePorts(5);
  const [kafkaPort = 0, saslPort = 0, controllerPort = 0, postgresPort = 0, redisPort = 0] = ports;
  const optionsOf = (name: string, port: number) => ({
    root,
    port,
    authority,
    dataDir: join(folder, name),
    logFile: join(folder, `${name}.log`),
  });
  const tokens = life.own(
    await startTokenIssuer({ id: "stream-processor", secret: SECRETS.processorClient }),
    (owned) => owned.close(),
  );
  const registry = life.own(
    await startRegistryProxy({
      registryUrl: addresses.schemaRegistryUrl,
      certificate: authority.issue("registry"),
      userInfo: `fiberstream:${SECRETS.registry}`,
    }),
    (owned) => owned.close(),
  );
  const redisPasswords = {
    "ingest-gateway": SECRETS.redisGateway,
    "stream-processor": SECRETS.redisProcessor,
  };
  let kafka: BackingService | undefined;
  life.own("Kafka", () => kafka?.kill());
  const startBroker = async () => {
    kafka = await startSecuredKafka({
      ...optionsOf("kafka", kafkaPort),
      saslPort,
      controllerPort,
      scramUsers: { admin: SECRETS.admin, "ingest-gateway": SECRETS.gateway },
      jwks: tokens.jwks,
    });
  };
  const own = (backingService: BackingService) => life.own(backingService, (owned) => owned.kill());
  const starting = await Promise.allSettled([
    startBroker(),
    startSecuredPostgres(optionsOf("postgres", postgresPort)).then(own),
    startSecuredRedis({
      ...optionsOf("redis", redisPort),
      passwords: redisPasswords,
      namespace,
    }).then(own),
  ]);
  const failed = starting.find((backingService) => backingService.status === "rejected");
  if (failed !== undefined) {
    await life.stop();
    throw failed.reason;
  }
  const tls = new URLSearchParams({ sslmode: "verify-full", sslrootcert: authority.caFile });
  return {
    authority,
    tokens,
    kafkaMutual: `127.0.0.1:${kafkaPort}`,
    kafkaSasl: `127.0.0.1:${saslPort}`,
    registryUrl: registry.url,
    redisUrl: (user) => `rediss://${user}:${redisPasswords[user]}@localhost:${redisPort}`,
    databaseUrl: (user, database) => {
      const url = new URL(`${postgresUrl(postgresPort, database)}?${tls.toString()}`);
      [url.username = "", url.password = ""] = user.split(":");
      return url.href;
    },
    restartKafka: async () => {
      await kafka?.kill();
      await startBroker();
    },
    remove: life.stop,
  };
}
