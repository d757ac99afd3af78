import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { messageOf } from "../errors.ts";

/** Paths of PEM files for one side of TLS connections; what is not given is the platform's own. */
export type TlsFiles = {
  /** Who may vouch for the other side; by default the authorities that Node brings. */
  readonly caFile?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keyPassword?: string | undefined;
};

/**
 * Options for `node:tls`. The files are read whenever the options are copied: a client that copies them
 * for each connection takes a renewed certificate without a restart.
 * @throws when read, if a file cannot be
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

/** Why a setting's file cannot be used; undefined when it can, or none is given. */
export function fileProblem(variable: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    readFileSync(path);
    return undefined;
  } catch (error) {
    return `${variable}: ${messageOf(error)}`;
  }
}
