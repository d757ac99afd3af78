import { readCheckpoint } from "@fiberstream/audit/checkpoints/checkpoint";
import { parseNote, signatureLines } from "@fiberstream/audit/checkpoints/signed-note";
import type { VerifierKey } from "@fiberstream/audit/checkpoints/signing-keys";

/** A witness signs with one key, or with two while it changes it. */
const MAX_LINES = 4;
/** A signature line has about 150 bytes. */
const MAX_LINE_CHARS = 500;

/**
 * Returns a note with the signature lines that a witness has answered. It is stored, and the auditor continues only checkpoints that it
 * can read: so lines that claim to be by a key of this trail are left out, and the note has to be read as a checkpoint again.
 *
 * @param options.keys all keys of this trail, the former ones too
 * @returns "none" if the answer has no signature line but those of the note, "unusable" if it has, and none can be kept
 */
export function cosignedNote(
  note: string,
  answer: string,
  { origin, keys }: { origin: string; keys: readonly VerifierKey[] },
): { note: string } | "none" | "unusable" {
  const own = new Set(note.split("\n"));
  const lines = signatureLines(answer).filter((line) => !own.has(line));
  if (lines.length === 0) return "none";
  const kept = [...new Set(lines)]
    .filter((line) => line.length <= MAX_LINE_CHARS && !claimsToBeOurs(line, origin, keys))
    .slice(0, MAX_LINES);
  const cosigned = `${note}${kept.map((line) => `${line}\n`).join("")}`;
  const reading = readCheckpoint(cosigned, { origin, keys });
  return kept.length > 0 && reading.kind === "checkpoint" ? { note: cosigned } : "unusable";
}

function claimsToBeOurs(line: string, origin: string, keys: readonly VerifierKey[]): boolean {
  const [signature] = parseNote(`text\n\n${line}\n`)?.signatures ?? [];
  return (
    signature === undefined ||
    signature.name === origin ||
    keys.some(({ name, keyId }) => name === signature.name || keyId === signature.keyId)
  );
}
