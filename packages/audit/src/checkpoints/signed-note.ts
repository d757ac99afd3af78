import { sign, verify } from "node:crypto";
import type { SigningKey, VerifierKey } from "./signing-keys.ts";

/**
 * Signed notes (C2SP signed-note): a text, an empty line, and one line for each signature. A note may have signatures of
 * several keys, for example of the log and of witnesses.
 */
export type Note = {
  /** What is signed; it ends with a line break. */
  readonly text: string;
  readonly signatures: readonly Signature[];
};

type Signature = {
  readonly name: string;
  readonly keyId: string;
  readonly bytes: Buffer;
};

/** Longer notes are not read: they may come from another server. */
export const MAX_NOTE_BYTES = 16_384;
const MAX_SIGNATURES = 100;

/** Returns a note with one signature. */
export function signNote(text: string, { privateKey, verifier }: SigningKey): string {
  const signature = Buffer.concat([
    Buffer.from(verifier.keyId, "hex"),
    sign(null, Buffer.from(text), privateKey),
  ]);
  return `${text}\n— ${verifier.name} ${signature.toString("base64")}\n`;
}

/** Returns the parts of a note; undefined if it is none. */
export function parseNote(note: string): Note | undefined {
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES || !note.endsWith("\n")) return undefined;
  const end = note.lastIndexOf("\n\n");
  if (end < 0) return undefined;
  const lines = note.slice(end + 2, -1).split("\n");
  const signatures = lines.map(parseSignature).filter((found) => found !== undefined);
  const isWhole = signatures.length === lines.length && lines.length <= MAX_SIGNATURES;
  return isWhole ? { text: note.slice(0, end + 1), signatures } : undefined;
}

/** Returns the signature lines in what another server has answered, as they can be appended to a note. */
export const signatureLines = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => parseSignature(line) !== undefined)
    .slice(0, MAX_SIGNATURES);

function parseSignature(line: string): Signature | undefined {
  const [, name = "", base64 = ""] = SIGNATURE.exec(line) ?? [];
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length <= ID_BYTES) return undefined;
  return {
    name,
    keyId: bytes.subarray(0, ID_BYTES).toString("hex"),
    bytes: bytes.subarray(ID_BYTES),
  };
}

const SIGNATURE = /^— ([^\s+]{1,200}) ([A-Za-z0-9+/]{8,1000}={0,2})$/;
const ID_BYTES = 4;

/**
 * Returns the keys that signed a note. Signatures of other keys are left out.
 * @returns undefined if a signature that claims to be by one of these keys is wrong
 */
export function signersOf(note: Note, keys: readonly VerifierKey[]): VerifierKey[] | undefined {
  const signers: VerifierKey[] = [];
  for (const signature of note.signatures) {
    const key = keys.find(
      ({ name, keyId }) => name === signature.name && keyId === signature.keyId,
    );
    if (key === undefined) continue;
    if (!isBy(key, note.text, signature.bytes)) return undefined;
    signers.push(key);
  }
  return signers;
}

function isBy({ algorithm, publicKey }: VerifierKey, text: string, bytes: Buffer): boolean {
  switch (algorithm) {
    case "ed25519":
      return verify(null, Buffer.from(text), publicKey, bytes);
    case "cosignature/v1": {
      // C2SP tlog-cosignature: 8 bytes with the time in seconds, which is signed with the text.
      if (bytes.length <= 8) return false;
      const seconds = bytes.readBigUInt64BE(0);
      const signed = Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
      return verify(null, signed, publicKey, bytes.subarray(8));
    }
  }
}
