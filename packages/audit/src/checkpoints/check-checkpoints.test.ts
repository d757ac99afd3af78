import { expect, it } from "@jest/globals";
import type { VerifiedEntry } from "../log/verify-entries.ts";
import { createCheckpointCheck } from "./check-checkpoints.ts";
import { createCopyCheck } from "./check-copy.ts";
import { signCheckpoint } from "./checkpoint.ts";
import {
  afterEntry,
  chainFault,
  type ChainedEntry,
  chainStart,
  entryHash,
} from "./follow-chain.ts";
import { createSigningKeyPem, signingKeyOf } from "./signing-keys.ts";

const ORIGIN = "example/audit";
const key = signingKeyOf(createSigningKeyPem(), ORIGIN);
const START_MS = Date.UTC(2026, 10, 28);
const MINUTE_MS = 60_000;

type TestEntry = Omit<ChainedEntry, "hash"> & VerifiedEntry & { readonly offset: string };

/** A trail with an entry a minute, from one text for each. */
function trailOf(texts: readonly string[]): TestEntry[] {
  let prevHash: Uint8Array = Buffer.alloc(32);
  return texts.map((text, index) => {
    const entry = Buffer.from(text);
    const hash = entryHash(prevHash, entry);
    const made = { seq: index + 1, entry, prevHash, hash, atMs: START_MS + index * MINUTE_MS };
    prevHash = hash;
    return { ...made, offset: String(index) };
  });
}

const TRAIL = trailOf(Array.from({ length: 20 }, (_, index) => `entry ${index + 1}`));
const REBUILT = trailOf(TRAIL.map(({ seq }) => (seq === 5 ? "forged" : `entry ${seq}`)));

function checkpointsOf(trail: readonly TestEntry[], sizes: readonly number[]) {
  let position = chainStart();
  const signed: { note: string; where: string }[] = [];
  const sign = () => {
    if (!sizes.includes(position.seq)) return;
    const timeMs = START_MS + position.seq * MINUTE_MS;
    const root = position.tree.root();
    const note = signCheckpoint({ origin: ORIGIN, size: position.seq, root, timeMs }, key);
    signed.push({ note, where: `line ${signed.length + 1}` });
  };
  sign();
  for (const entry of trail) {
    expect(chainFault(position, entry)).toBeUndefined();
    position = afterEntry(position, entry);
    sign();
  }
  return signed;
}

function check(trail: readonly VerifiedEntry[], found = checkpointsOf(TRAIL, [0, 7, 16, 20])) {
  const checking = createCheckpointCheck({ found, origin: ORIGIN, keys: [key.verifier] });
  trail.forEach(checking.add);
  return checking.end({ isWhole: true });
}

it("finds nothing in the trail that was signed, and in one that has grown", () => {
  expect(check(TRAIL)).toEqual({ checkpoints: 4, signedEntries: 20, findings: [] });
  const found = checkpointsOf(TRAIL, [3, 7]);
  expect(check(TRAIL, found)).toEqual({ checkpoints: 2, signedEntries: 7, findings: [] });
});

it("finds a rebuilt chain, by the first checkpoint after the change", () => {
  expect(check(REBUILT).findings).toEqual([
    expect.objectContaining({
      guard: "checkpoint",
      seq: 7,
      message: expect.stringContaining("at least one of the first 7 was changed"),
    }),
  ]);
});

it("finds a cut tail", () => {
  expect(check(TRAIL.slice(0, 18)).findings).toEqual([
    expect.objectContaining({
      guard: "checkpoint",
      seq: 19,
      message: expect.stringContaining("has signed 20 entries, but the database has 18"),
    }),
  ]);
});

it("finds a backup that has grown since", () => {
  const grown = trailOf([
    ...TRAIL.slice(0, 17).map(({ seq }) => `entry ${seq}`),
    ..."abcdef".split(""),
  ]);
  expect(check(grown).findings).toEqual([
    expect.objectContaining({ guard: "checkpoint", seq: 20 }),
  ]);
});

it("finds a clock that was turned back, or ahead", () => {
  const turned = (seq: number, byMs: number) =>
    check(
      TRAIL.map((entry) => (entry.seq === seq ? { ...entry, atMs: entry.atMs + byMs } : entry)),
    );
  expect(turned(18, -60 * MINUTE_MS).findings).toEqual([
    expect.objectContaining({ guard: "clock", seq: 18, message: expect.stringContaining("back") }),
  ]);
  expect(turned(6, 60 * MINUTE_MS).findings).toEqual([
    expect.objectContaining({ guard: "clock", seq: 6 }),
  ]);
  expect(turned(18, -3 * MINUTE_MS).findings).toEqual([]);
});

it("finds a checkpoint with a wrong signature, and goes on with the others", () => {
  const [first, second] = checkpointsOf(TRAIL, [7, 16]);
  const forged = { note: second?.note.replace("\n16\n", "\n17\n") ?? "", where: "line 2" };
  const { findings, checkpoints } = check(TRAIL, [...(first ? [first] : []), forged]);
  expect(checkpoints).toBe(1);
  expect(findings).toEqual([
    { guard: "signature", message: "the checkpoint at line 2 has a wrong signature" },
  ]);
});

function compare(copy: readonly TestEntry[], database: readonly TestEntry[], nowMs = START_MS) {
  const checking = createCopyCheck({ nowMs });
  copy.forEach(checking.addCopy);
  database.forEach(checking.add);
  return checking.end({ isWhole: true });
}

it("finds nothing in a copy with repeats, whose newest entries are on their way", () => {
  const copy = [...TRAIL.slice(0, 10), ...TRAIL.slice(5, 18)];
  expect(compare(copy, TRAIL)).toEqual({ copied: 18, repeats: 5, waiting: 2, findings: [] });
});

it.each([
  ["differs", TRAIL, REBUILT, 5, "not the one that was published"],
  ["was cut", TRAIL, TRAIL.slice(0, 15), 16, "Kafka has 20 entries, but the database has 15"],
  ["has two forks", [...TRAIL, ...REBUILT.slice(4)], TRAIL, 5, "two different entries 5"],
  ["lacks entries", [...TRAIL.slice(0, 4), ...TRAIL.slice(6)], TRAIL, 5, "has no entry 5"],
] as const)("finds a copy that %s", (_, copy, database, seq, message) => {
  expect(compare(copy, database).findings[0]).toEqual({
    guard: "copy",
    seq,
    message: expect.stringContaining(message),
  });
});

it("finds an entry that was never published, and a record whose hash is not its own", () => {
  expect(compare(TRAIL.slice(0, 18), TRAIL, START_MS + 60 * MINUTE_MS).findings).toEqual([
    expect.objectContaining({ seq: 19, message: expect.stringContaining("is not in Kafka") }),
  ]);
  const changed = TRAIL.map((one) => (one.seq === 3 ? { ...one, entry: Buffer.from("x") } : one));
  expect(compare(changed, TRAIL).findings).toEqual([
    expect.objectContaining({ seq: 3, message: expect.stringContaining("not that of its bytes") }),
  ]);
});

it("says nothing about the end of a log whose verification has ended before", () => {
  const found = checkpointsOf(TRAIL, [20]);
  const checking = createCheckpointCheck({ found, origin: ORIGIN, keys: [key.verifier] });
  TRAIL.slice(0, 5).forEach(checking.add);
  expect(checking.end({ isWhole: false }).findings).toEqual([]);
  const copy = createCopyCheck({ nowMs: START_MS });
  TRAIL.forEach(copy.addCopy);
  expect(copy.end({ isWhole: false }).findings).toEqual([]);
});
