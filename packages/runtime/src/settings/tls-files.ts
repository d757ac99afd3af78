import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { messageOf } from "../errors.ts";

/** Paths of PEM files for the client or the server side of TLS connections. */
export type TlsFiles = {
  /** Certificate authorities that are trusted; by default those of Node. */
  readonly caFile?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keyPassword?: string | undefined;
};

/**
 * Options for `node:tls`. The files are read whenever the options are copied, so a client that copies them for each
 * connection uses a renewed certificate without a restart.
 * @throws when an option is read and its file cannot be
 */
export function tlsOptions(files: TlsFiles): SecureContextOptions {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
  return {
    get ca() {
      return read(files.caFile);
    },
    get cert() {
      return read(files.certificateFile);
    },
    get key() {
      return read(files.keyFile);
    },
    passphrase: files.keyPassword,
  };
}

/** The reason why a setting's file cannot be read; undefined if it can, or if no file is set. */
export function fileProblem(variable: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    return `${variable}: ${messageOf(error)}`;
  }
}
