import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import type {
  BackingService,
  BackingServiceOptions,
} from "@fiberstream/local-stack/native/backing-service";
import { startPostgres } from "@fiberstream/local-stack/native/postgres";
import { startRedis } from "@fiberstream/local-stack/native/redis";
import type { Authority, Certificate } from "./certificates.ts";

/** Starts a PostgreSQL that requires TLS and passwords. */
export async function startSecuredPostgres(
  options: BackingServiceOptions & { authority: Authority },
): Promise<BackingService> {
  const { authority, dataDir } = options;
  copyFiles(dataDir, authority.issue("postgres"), authority.caFile);
  writeFileSync(join(dataDir, "hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n");
  return startPostgres({
    ...options,
    databases: [],
    durability: "fast",
    settings: [
      "ssl = on",
      "ssl_cert_file = '/data/tls/own.crt'",
      "ssl_key_file = '/data/tls/own.key'",
      "hba_file = '/data/hba.conf'",
    ],
    parameters: { sslmode: "verify-full", sslrootcert: authority.caFile },
  });
}

const USERS = fileURLToPath(new URL("../../../deploy/redis/users.acl", import.meta.url));

/** Starts a Redis that requires TLS with client certificates, with the project's users. */
export async function startSecuredRedis(
  options: BackingServiceOptions & {
    authority: Authority;
    passwords: Readonly<Record<string, string>>;
    namespace: string;
  },
): Promise<BackingService> {
  const { port, authority, dataDir, passwords, namespace } = options;
  const own = authority.issue("redis");
  copyFiles(dataDir, own, authority.caFile);
  const users = readFileSync(USERS, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("user "))
    .map((line) => line.replaceAll("~", `~${namespace}`))
    .map((line) => {
      const password = passwords[line.split(" ")[1] ?? ""];
      return password === undefined ? line : `${line} >${password}`;
    });
  writeFileSync(join(dataDir, "users.acl"), `${users.join("\n")}\n`);
  const tls = {
    ca: readFileSync(authority.caFile),
    cert: readFileSync(own.certificateFile),
    key: readFileSync(own.keyFile),
  };
  return startRedis({
    ...options,
    protection: {
      arguments: Object.entries({
        "--port": "0",
        "--tls-port": String(port),
        "--tls-auth-clients": "yes",
        "--tls-cert-file": "/data/tls/own.crt",
        "--tls-key-file": "/data/tls/own.key",
        "--tls-ca-cert-file": "/data/tls/ca.crt",
        "--aclfile": "/data/users.acl",
      }).flat(),
      connect: () => connect({ host: "127.0.0.1", port, ...tls }),
    },
  });
}

function copyFiles(dataDir: string, own: Certificate, caFile: string): void {
  const folder = join(dataDir, "tls");
  mkdirSync(folder, { recursive: true });
  copyFileSync(own.certificateFile, join(folder, "own.crt"));
  copyFileSync(own.keyFile, join(folder, "own.key"));
  copyFileSync(caFile, join(folder, "ca.crt"));
}
