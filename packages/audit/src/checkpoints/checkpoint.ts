import { parseNote, signersOf, signNote } from "./signed-note.ts";
import type { SigningKey, VerifierKey } from "./signing-keys.ts";

/** What the auditor signs: how many entries the log has, and the root of the tree over their hashes. */
export type Checkpoint = {
  /** The log's name, a URL without scheme such as fiberstream.example/audit. */
  readonly origin: string;
  /** The number of entries, which is the last one's seq. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** When it was signed, by the auditor's clock, in ms since 1970; undefined if the checkpoint does not say so. */
  readonly timeMs: number | undefined;
};

/** Returns a checkpoint in the form of C2SP tlog-checkpoint, signed. */
export function signCheckpoint(checkpoint: Checkpoint, key: SigningKey): string {
  const { origin, size, root, timeMs } = checkpoint;
  const time = timeMs === undefined ? [] : [`time ${new Date(timeMs).toISOString()}`];
  return signNote(`${[origin, size, root.toString("base64"), ...time].join("\n")}\n`, key);
}

/** How a note was read as a checkpoint. `problem` is a sentence's end: "… is signed by none of the known keys". */
export type CheckpointReading =
  | {
      readonly kind: "checkpoint";
      readonly checkpoint: Checkpoint;
      readonly signers: readonly VerifierKey[];
    }
  /** Of another log. */
  | { readonly kind: "foreign"; readonly origin: string }
  | { readonly kind: "bad"; readonly problem: string };

/**
 * Reads a checkpoint and verifies its signature.
 * @param options.origin the log whose checkpoints are wanted
 * @param options.keys the keys that may have signed it; at least one with the log's name must have
 */
export function readCheckpoint(
  text: string,
  { origin, keys }: { origin: string; keys: readonly VerifierKey[] },
): CheckpointReading {
  const note = parseNote(text);
  const checkpoint = note && parseCheckpoint(note.text);
  if (note === undefined || checkpoint === undefined) {
    return { kind: "bad", problem: "is not a checkpoint in the form of a signed note" };
  }
  if (checkpoint.origin !== origin) return { kind: "foreign", origin: checkpoint.origin };
  const signers = signersOf(note, keys);
  if (signers === undefined) return { kind: "bad", problem: "has a wrong signature" };
  const isOurs = signers.some(({ name, algorithm }) => name === origin && algorithm === "ed25519");
  if (!isOurs) {
    const ids = note.signatures.map(({ name, keyId }) => `${name}+${keyId}`).join(", ");
    return { kind: "bad", problem: `is signed by none of the known keys, but by ${ids}` };
  }
  return { kind: "checkpoint", checkpoint, signers };
}

function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", size = "", root = "", ...more] = text.slice(0, -1).split("\n");
  const bytes = Buffer.from(root, "base64");
  const isValid =
    origin !== "" &&
    /^(0|[1-9]\d{0,15})$/.test(size) &&
    Number.isSafeInteger(Number(size)) &&
    bytes.length === 32 &&
    bytes.toString("base64") === root;
  if (!isValid) return undefined;
  const time = more.find((line) => line.startsWith("time "))?.slice("time ".length);
  const timeMs = time === undefined ? Number.NaN : Date.parse(time);
  return {
    origin,
    size: Number(size),
    root: bytes,
    timeMs: Number.isNaN(timeMs) ? undefined : timeMs,
  };
}
