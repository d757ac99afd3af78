import { X509Certificate } from "node:crypto";
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import type { Server as HttpsServer } from "node:https";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

export type TlsFiles = { readonly certFile: string; readonly keyFile: string };

/**
 * The files are polled, not watched: mounted secrets are replaced by changing symbolic links, which not every file system
 * reports.
 */
const POLL_EVERY_MS = 2_000;

/**
 * @returns undefined for plain HTTP
 * @throws {FatalError} when one of the two is missing
 */
export function tlsFilesOf(config: {
  tlsCertFile?: string | undefined;
  tlsKeyFile?: string | undefined;
}): TlsFiles | undefined {
  const { tlsCertFile: certFile, tlsKeyFile: keyFile } = config;
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  throw new FatalError(
    "TLS_CERT_FILE and TLS_KEY_FILE must be set together",
    "Set both, or neither",
  );
}

/** Forward secrecy and authenticated encryption only. Node's own list also has CBC and RSA key exchange, for old clients. */
const RULES = {
  minVersion: "TLSv1.2",
  ciphers: [
    "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
  ].join(":"),
} as const;

/**
 * Returns what a server or a changed context of it needs.
 * @throws {FatalError} when a file cannot be read
 */
export function readTlsFiles({ certFile, keyFile }: TlsFiles) {
  try {
    return { ...RULES, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  } catch (error) {
    const advice = "Check TLS_CERT_FILE and TLS_KEY_FILE, and that this user may read them";
    throw new FatalError(`cannot read the certificate: ${messageOf(error)}`, advice);
  }
}

/** Returns when the certificate expires, ms since 1970; of a chain, its first certificate, the gateway's own. */
export const certificateEndMs = (cert: Buffer): number =>
  Date.parse(new X509Certificate(cert).validTo);

/**
 * Uses changed files for new connections. If certificate and key do not match, halfway through a change, the old
 * certificate stays in use.
 * @param options.onLoaded receives each certificate that comes into use
 * @returns a function that ends the polling
 */
export function reloadTls(
  server: HttpsServer,
  files: TlsFiles,
  { onLoaded, log }: { onLoaded: (cert: Buffer) => void; log: Log },
): () => void {
  const reload = () => {
    try {
      const pair = readTlsFiles(files);
      server.setSecureContext(pair);
      onLoaded(pair.cert);
      log.info("certificate reloaded");
    } catch (error) {
      log.error({ reason: messageOf(error) }, "certificate reload failed, keeping the old one");
    }
  };
  const paths = [files.certFile, files.keyFile];
  for (const path of paths) watchFile(path, { interval: POLL_EVERY_MS, persistent: false }, reload);
  return () => {
    for (const path of paths) unwatchFile(path, reload);
  };
}
