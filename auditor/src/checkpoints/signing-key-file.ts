import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  createSigningKeyPem,
  type SigningKey,
  signingKeyOf,
  type VerifierKey,
  verifierKeysOf,
  verifierText,
} from "@fiberstream/audit/checkpoints/signing-keys";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";

/** The key that signs, and all keys whose checkpoints count: this one and those of before. */
export type AuditorKeys = { readonly signing: SigningKey; readonly all: readonly VerifierKey[] };

/**
 * Reads the keys.
 *
 * @param options.createsKey creates the file if it does not exist, readable by its owner only, and beside it a file .pub with
 *   the public key
 * @throws {FatalError}
 */
export function readAuditorKeys(options: {
  origin: string;
  signingKeyFile: string;
  createsKey: boolean;
  formerKeysFile: string | undefined;
}): AuditorKeys {
  const { origin, signingKeyFile, createsKey, formerKeysFile } = options;
  if (createsKey) createKeyFile(signingKeyFile, origin);
  const signing = inFile("AUDIT_SIGNING_KEY_FILE", signingKeyFile, (text) =>
    signingKeyOf(text, origin),
  );
  const former =
    formerKeysFile === undefined
      ? []
      : inFile("AUDIT_FORMER_KEYS_FILE", formerKeysFile, verifierKeysOf);
  return { signing, all: [signing.verifier, ...former] };
}

function createKeyFile(path: string, origin: string): void {
  const pem = createSigningKeyPem();
  const written = `${path}.${process.pid}`;
  try {
    if (existsSync(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(written, pem, { mode: 0o600 });
    // Not renamed: another auditor, which starts at the same moment, may have created it.
    linkSync(written, path);
    writeFileSync(`${path}.pub`, `${verifierText(signingKeyOf(pem, origin).verifier)}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw keyFailure("AUDIT_SIGNING_KEY_FILE", path, error);
  } finally {
    rmSync(written, { force: true });
  }
}

function inFile<T>(variable: string, path: string, read: (text: string) => T): T {
  try {
    return read(readFileSync(path, "utf8"));
  } catch (error) {
    throw keyFailure(variable, path, error);
  }
}

const keyFailure = (variable: string, path: string, error: unknown) =>
  new FatalError(
    `${variable} names ${path}, which cannot be used: ${messageOf(error)}`,
    "Create a key with fiber audit keygen, and let this user read its file",
    { cause: error },
  );
