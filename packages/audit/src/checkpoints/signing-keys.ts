import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from "node:crypto";

/**
 * Keys of signed notes (C2SP signed-note). A key's id is made from its name and its bytes, so that a note says which of
 * several keys signed it; a key's text form is `<name>+<id>+<base64 of the algorithm and the public key>`.
 */

/** How a key signs: the log itself, or a witness that adds the time at which it saw the checkpoint. */
export type Algorithm = keyof typeof ALGORITHMS;
const ALGORITHMS = { ed25519: 1, "cosignature/v1": 4 } as const;

export type VerifierKey = {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly keyId: string;
  readonly algorithm: Algorithm;
  readonly publicKey: KeyObject;
};

export type SigningKey = {
  readonly privateKey: KeyObject;
  /** What others verify with. */
  readonly verifier: VerifierKey;
};

/** Creates a key: a PEM file's text (PKCS 8). */
export const createSigningKeyPem = (): string =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/**
 * Reads a private key.
 *
 * @param pem PKCS 8, as `fiber audit keygen` and `openssl genpkey -algorithm ed25519` write it
 * @param name the name under which it signs: the origin of the checkpoints
 * @throws {Error} if it is no Ed25519 key. The message never contains the key
 */
export function signingKeyOf(pem: string, name: string): SigningKey {
  const privateKey = privateKeyOf(pem);
  if (privateKey?.asymmetricKeyType !== "ed25519") {
    throw new Error("is not an Ed25519 private key in PEM (create one with: fiber audit keygen)");
  }
  return { privateKey, verifier: verifierOf(name, "ed25519", createPublicKey(privateKey)) };
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The error of OpenSSL is of no use, and might contain a part of the file.
    return undefined;
  }
}

/** Returns a key's text form, which is no secret. */
export function verifierText({ name, keyId, algorithm, publicKey }: VerifierKey): string {
  const bytes = Buffer.concat([Buffer.of(ALGORITHMS[algorithm]), rawBytes(publicKey)]);
  return `${name}+${keyId}+${bytes.toString("base64")}`;
}

/** At most so many keys in a file: each signature is compared with each of them. */
const MAX_KEYS = 100;

/**
 * Reads public keys: one in each line; empty lines and lines that begin with # are left out.
 * @throws {Error} which names the line
 */
export function verifierKeysOf(text: string): VerifierKey[] {
  const keys: VerifierKey[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    keys.push(verifierKeyOf(line.trim(), `line ${index + 1}`));
    if (keys.length > MAX_KEYS) throw new Error(`has more than ${MAX_KEYS} keys`);
  }
  return keys;
}

function verifierKeyOf(text: string, where: string): VerifierKey {
  const [, name = "", keyId = "", base64 = ""] = KEY_TEXT.exec(text) ?? [];
  const [number, ...raw] = Buffer.from(base64, "base64");
  const algorithm = (Object.keys(ALGORITHMS) as Algorithm[]).find(
    (each) => ALGORITHMS[each] === number,
  );
  if (name === "" || algorithm === undefined || raw.length !== KEY_BYTES) {
    throw new Error(`${where} is not a public key, which has the form name+id+base64`);
  }
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") };
  const key = verifierOf(name, algorithm, createPublicKey({ key: jwk, format: "jwk" }));
  if (key.keyId !== keyId)
    throw new Error(`${where} is damaged: the id of its key is ${key.keyId}`);
  return key;
}

const KEY_TEXT = /^([^\s+]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/;
const KEY_BYTES = 32;

function verifierOf(name: string, algorithm: Algorithm, publicKey: KeyObject): VerifierKey {
  const bytes = Buffer.concat([
    Buffer.from(`${name}\n`),
    Buffer.of(ALGORITHMS[algorithm]),
    rawBytes(publicKey),
  ]);
  const keyId = hash("sha256", bytes, "hex").slice(0, 8);
  return { name, keyId, algorithm, publicKey };
}

const rawBytes = (publicKey: KeyObject): Buffer =>
  Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
