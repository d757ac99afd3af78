import { expect, it } from "@jest/globals";
import { readCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { MAX_NOTE_BYTES, parseNote, signatureLines, signersOf, signNote } from "./signed-note.ts";
import { createSigningKeyPem, signingKeyOf, verifierKeysOf, verifierText } from "./signing-keys.ts";

/** The example of golang.org/x/mod/sumdb/note, which defined the form. */
const GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

const key = signingKeyOf(createSigningKeyPem(), "example/audit");
const root = Buffer.alloc(32, 7);
const checkpoint = { origin: "example/audit", size: 12, root, timeMs: 1_790_000_000_123 };

it("verifies a note of another implementation, and no other text with its signature", () => {
  const note = parseNote(GO_NOTE);
  const keys = verifierKeysOf(`# a comment\n\n${GO_KEY}\n`);
  expect(note && signersOf(note, keys)?.map(({ name }) => name)).toEqual(["PeterNeumann"]);
  const forged = parseNote(GO_NOTE.replace("answer", "ANSWER"));
  expect(forged && signersOf(forged, keys)).toBeUndefined();
});

it("reads the checkpoint that it has signed, with its key in text form", () => {
  const note = signCheckpoint(checkpoint, key);
  expect(note).toBe(
    `example/audit\n12\n${root.toString("base64")}\ntime 2026-09-21T14:13:20.123Z\n\n— example/audit ${note.split(" ").at(-1)}`,
  );
  const keys = verifierKeysOf(verifierText(key.verifier));
  expect(readCheckpoint(note, { origin: "example/audit", keys })).toMatchObject({
    kind: "checkpoint",
    checkpoint,
  });
});

it("says what is wrong with a checkpoint", () => {
  const note = signCheckpoint(checkpoint, key);
  const keys = [key.verifier];
  const read = (text: string, origin = "example/audit") => readCheckpoint(text, { origin, keys });
  const other = signingKeyOf(createSigningKeyPem(), "example/audit");
  expect(read(note, "example/other")).toEqual({ kind: "foreign", origin: "example/audit" });
  const bad = (text: string) => ({ kind: "bad", problem: expect.stringContaining(text) });
  expect(read(note.replace("\n12\n", "\n13\n"))).toEqual(bad("wrong signature"));
  expect(read(signCheckpoint(checkpoint, other))).toEqual(bad("none of the known keys"));
  for (const text of ["", "\n\n", note.slice(0, -1), note.replace("— ", "- "), `${note}more\n`]) {
    expect(read(text)).toEqual(bad("not a checkpoint"));
  }
  const malformed = ["a\n1\nAAAA\n", "a\n01\n", `a\n-1\n${root.toString("base64")}\n`, "a\n"];
  for (const text of malformed) expect(read(signNote(text, key))).toEqual(bad("not a checkpoint"));
  expect(read(signNote("a\n".repeat(MAX_NOTE_BYTES), key))).toEqual(bad("not a checkpoint"));
});

it("takes only signature lines from what a witness answers", () => {
  const [, line = ""] = signCheckpoint(checkpoint, key).split("\n\n");
  const answer = `<html>\n${line}— x\n— a b c\n— name AAAA\n`;
  expect(signatureLines(answer)).toEqual([line.trimEnd()]);
});

it("names the line of a key that cannot be read", () => {
  expect(() => verifierKeysOf(`${GO_KEY}\nno key`)).toThrow("line 2 is not a public key");
  expect(() => verifierKeysOf(GO_KEY.replace("c74f20a3", "c74f20a4"))).toThrow(
    "line 1 is damaged: the id of its key is c74f20a3",
  );
  expect(() => signingKeyOf("secret", "name")).toThrow(/^is not an Ed25519 private key/);
});
