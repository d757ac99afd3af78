import { readCheckpoint, signCheckpoint } from "@fiberstream/audit/checkpoints/checkpoint";
import { parseNote, signNote } from "@fiberstream/audit/checkpoints/signed-note";
import { createSigningKeyPem, signingKeyOf } from "@fiberstream/audit/checkpoints/signing-keys";
import { expect, it } from "@jest/globals";
import { cosignedNote } from "./cosigned-note.ts";

const origin = "example/audit";
const key = signingKeyOf(createSigningKeyPem(), origin);
const keys = [key.verifier];
const note = signCheckpoint({ origin, size: 3, root: Buffer.alloc(32, 7), timeMs: 1 }, key);
const text = parseNote(note)?.text ?? "";
const cosign = (answer: string) => cosignedNote(note, answer, { origin, keys });
const lineOf = (name: string) =>
  signNote(text, signingKeyOf(createSigningKeyPem(), name)).split("\n\n")[1] ?? "";

it("keeps the line of a witness", () => {
  const line = lineOf("witness.example");
  expect(cosign(line)).toEqual({ note: `${note}${line}` });
  expect(cosign("taken\n")).toBe("none");
  expect(cosign(note)).toBe("none");
});

it("keeps no line that claims to be by a key of this trail", () => {
  const garbage = Buffer.concat([Buffer.from(key.verifier.keyId, "hex"), Buffer.alloc(64, 9)]);
  const forged = `— ${origin} ${garbage.toString("base64")}\n`;
  expect(readCheckpoint(`${note}${forged}`, { origin, keys })).toMatchObject({ kind: "bad" });
  expect(cosign(forged)).toBe("unusable");
  expect(cosign(`— other ${garbage.toString("base64")}\n`)).toBe("unusable");
  const line = lineOf("witness.example");
  expect(cosign(`${forged}${lineOf(origin)}${line}`)).toEqual({ note: `${note}${line}` });
});

it("keeps four lines at most, none of them long, so that the note can still be read", () => {
  const lines = Array.from({ length: 100 }, (_, at) => lineOf(`witness-${at}`));
  const kept = cosign(lines.join(""));
  expect(kept).toEqual({ note: `${note}${lines.slice(0, 4).join("")}` });
  expect(cosign(`— witness ${"A".repeat(900)}\n`)).toBe("unusable");
});
