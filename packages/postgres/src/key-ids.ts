import { createHmac, randomInt, timingSafeEqual } from "node:crypto";
import { type PgClient, type PgPool, query } from "./pool.ts";

/** Characters that are hard to mistake for each other. */
const CHARACTERS = "23456789abcdefghjkmnpqrstvwxyz";
/** 59 bits, so that no two keys get the same. */
const RANDOM_CHARACTERS = 12;
/** 63 bits: an attacker can only guess, with one request to a gateway for each guess. */
const TAG_CHARACTERS = 13;

/**
 * Reads the secret with which the tags of this database's key ids are computed.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readKeyIdSecret(on: PgPool | PgClient): Promise<Buffer> {
  const [row] = await query<{ secret: Buffer }>(on, "SELECT secret FROM key_id_secret");
  if (row === undefined)
    throw new Error("the table key_id_secret is empty, so no key id can be checked");
  return row.secret;
}

/** Creates an id that {@link isKeyIdOf} recognizes: random characters, then their tag. */
export function newKeyId(secret: Buffer): string {
  const random = Array.from(
    { length: RANDOM_CHARACTERS },
    () => CHARACTERS[randomInt(CHARACTERS.length)],
  ).join("");
  return random + tagOf(random, secret);
}

/** Whether the id was created with the secret; needs no lookup. Takes the same time for each wrong tag. */
export function isKeyIdOf(secret: Buffer, keyId: string): boolean {
  if (keyId.length !== RANDOM_CHARACTERS + TAG_CHARACTERS) return false;
  const given = Buffer.from(keyId.slice(RANDOM_CHARACTERS));
  const expected = Buffer.from(tagOf(keyId.slice(0, RANDOM_CHARACTERS), secret));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function tagOf(random: string, secret: Buffer): string {
  let number = createHmac("sha256", secret).update(random).digest().readBigUInt64BE();
  let tag = "";
  for (let at = 0; at < TAG_CHARACTERS; at++) {
    tag += CHARACTERS[Number(number % BASE)];
    number /= BASE;
  }
  return tag;
}

const BASE = BigInt(CHARACTERS.length);
