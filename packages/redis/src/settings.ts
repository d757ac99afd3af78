import { ConfigError, type ConfigOf, setting } from "@fiberstream/runtime/settings";
import { fileProblem, type TlsFiles } from "@fiberstream/runtime/tls-files";
import { z } from "zod";

/** The settings of every process that connects to Redis. */
export const redisSettings = () => ({
  redisUrl: setting(
    "REDIS_URL",
    z.url({ protocol: /^rediss?$/ }).default("redis://localhost:6379"),
    "address of Redis, redis://[user:password@]host:port, or rediss:// for TLS",
  ),
  redisCaFile: setting(
    "REDIS_TLS_CA_CERT_FILE",
    z.string().optional(),
    "PEM file of the certificate authority (CA) that signed Redis's certificate",
  ),
  redisCertificateFile: setting(
    "REDIS_TLS_CERT_FILE",
    z.string().optional(),
    "PEM file of this client's certificate, for mutual TLS",
  ),
  redisKeyFile: setting("REDIS_TLS_KEY_FILE", z.string().optional(), "PEM file of its key"),
});

/**
 * Returns Redis's address and TLS files from the settings.
 * @throws {ConfigError} for settings that contradict each other, and files that cannot be read
 */
export function redisAccess(config: ConfigOf<ReturnType<typeof redisSettings>>): {
  url: string;
  tls?: TlsFiles;
} {
  const { redisUrl: url, redisCaFile, redisCertificateFile, redisKeyFile } = config;
  const isEncrypted = url.startsWith("rediss:");
  const files = {
    REDIS_TLS_CA_CERT_FILE: redisCaFile,
    REDIS_TLS_CERT_FILE: redisCertificateFile,
    REDIS_TLS_KEY_FILE: redisKeyFile,
  };
  const problems = Object.entries(files).map(([variable, path]) =>
    path === undefined || isEncrypted
      ? fileProblem(variable, path)
      : `${variable}: is set, but REDIS_URL does not begin with rediss://`,
  );
  if ((redisCertificateFile === undefined) !== (redisKeyFile === undefined)) {
    problems.push(
      "REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE: must be set together, and one is missing",
    );
  }
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new ConfigError(found);
  if (!isEncrypted) return { url };
  return {
    url,
    tls: { caFile: redisCaFile, certificateFile: redisCertificateFile, keyFile: redisKeyFile },
  };
}
