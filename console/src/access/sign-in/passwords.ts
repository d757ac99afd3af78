import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { Refusal } from "../../answers/refusal.ts";
import { createTurns } from "../turns.ts";
import { COMMON_PASSWORDS } from "./common-passwords.ts";

const derive = promisify<
  string,
  Buffer,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

/**
 * One of the settings that OWASP holds for equal (Password Storage Cheat Sheet): 32 MB of memory, and on a slow core about 0.3 s, for
 * each password that is compared.
 */
const PARAMETERS = { N: 2 ** 15, r: 8, p: 3 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;

/** On Node's thread pool, of which others need threads, too: 64 MB at a time. */
const AT_ONCE = 2;
const MAX_WAITING = 20;
const MAX_PER_ADDRESS = 4;

/** scrypt's hashes of passwords, a few at a time. */
export type Passwords = {
  /**
   * Runs work that hashes or compares a password when it is its turn.
   * @param address from which it was sent: addresses take turns
   * @throws {Refusal} OVERLOADED when too many are waiting
   */
  readonly inTurn: <T>(address: string, work: (scrypt: Scrypt) => Promise<T>) => Promise<T>;
};

export type Scrypt = {
  readonly hash: (password: string) => Promise<string>;
  /** Whether the password is the one that was hashed. Takes as long without a hash. */
  readonly matches: (password: string, hash: string | null) => Promise<boolean>;
};

export function createPasswords(): Passwords {
  const turns = createTurns({
    atOnce: AT_ONCE,
    maxWaiting: MAX_WAITING,
    maxPerReader: MAX_PER_ADDRESS,
    maxRunningPerReader: 1,
  });
  const hashing: Scrypt = {
    hash: hashOf,
    matches: (password, hash) => isOf(password, hash ?? NOBODYS),
  };
  return {
    inTurn: async (address, work) => {
      let end: () => void;
      try {
        end = await turns.take(address);
      } catch {
        throw new Refusal("OVERLOADED", "too many people are signing in: retry in a few seconds");
      }
      try {
        return await work(hashing);
      } finally {
        end();
      }
    },
  };
}

async function hashOf(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const { N, r, p } = PARAMETERS;
  const derived = await derive(normal(password), salt, HASH_BYTES, {
    ...PARAMETERS,
    maxmem: MAX_MEMORY_BYTES,
  });
  return `$scrypt$n=${N},r=${r},p=${p}$${salt.toString("base64url")}$${derived.toString("base64url")}`;
}

const WRITTEN = /^\$scrypt\$n=(\d{1,7}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]{10,100})\$([\w-]{43})$/;

/** A hash that no password has, with the same work. */
const NOBODYS = `$scrypt$n=${PARAMETERS.N},r=${PARAMETERS.r},p=${PARAMETERS.p}$${"A".repeat(22)}$${"A".repeat(43)}`;

async function isOf(password: string, written: string): Promise<boolean> {
  const [, n, r, p, salt = "", expected = ""] = WRITTEN.exec(written) ?? [];
  if (expected === "") throw new Error("a password hash of the database is not in our form");
  const derived = await derive(normal(password), Buffer.from(salt, "base64url"), HASH_BYTES, {
    N: Number(n),
    r: Number(r),
    p: Number(p),
    maxmem: MAX_MEMORY_BYTES,
  });
  return timingSafeEqual(derived, Buffer.from(expected, "base64url")) && written !== NOBODYS;
}

/** Whether a hash was made with other parameters than those of today. */
export const isOutdated = (written: string): boolean =>
  !written.startsWith(`$scrypt$n=${PARAMETERS.N},r=${PARAMETERS.r},p=${PARAMETERS.p}$`);

/** The same characters have the same bytes, whatever the keyboard sent (NIST SP 800-63B, 3.1.1.2). */
const normal = (password: string): string => password.normalize("NFKC");

export const PASSWORD_MIN = 12;
export const PASSWORD_MAX = 200;

/**
 * Returns why a password may not be chosen; undefined if it may. There are no rules about kinds of characters: they make passwords
 * worse.
 * @param name that the person signs in with
 */
export function passwordFault(password: string, name: string): string | undefined {
  const text = normal(password).toLowerCase();
  const { length } = Array.from(text);
  if (length < PASSWORD_MIN) return `must have at least ${PASSWORD_MIN} characters`;
  if (length > PASSWORD_MAX) return `must have at most ${PASSWORD_MAX} characters`;
  if (COMMON_PASSWORDS.has(text)) return "is one of the commonest passwords";
  if (/^(.{1,6}?)\1+.{0,5}$/su.test(text)) return "is one short piece again and again";
  if (RUNS.some((run) => run.includes(text))) return "is a run of the keyboard or the alphabet";
  const named = [name.toLowerCase(), "fiberstream"].find(
    (word) => word.length >= 3 && text.includes(word),
  );
  if (named !== undefined && length - named.length < PASSWORD_MIN - 4) {
    return "is little more than your name, or the name of this system";
  }
  return undefined;
}

const FORWARD = ["abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiopasdfghjklzxcvbnm"].map(
  (run) => run.repeat(3),
);
const RUNS = FORWARD.flatMap((run) => [run, Array.from(run).toReversed().join("")]);
