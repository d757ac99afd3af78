import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";

/** One-time passwords by RFC 6238, as all authenticator apps make them: SHA-1, 6 digits, 30 s. */
const STEP_MS = 30_000;
const DIGITS = 6;
const SECRET_BYTES = 20;
/** Clocks may differ by so many steps; typing takes time, too. */
const TOLERANCE = 1;

export const newTotpSecret = (): Buffer => randomBytes(SECRET_BYTES);

/**
 * Returns the time step of a code that is right at this moment; undefined if it is not. The caller refuses a step that was used.
 */
export function totpStep(secret: Buffer, code: string, nowMs: number): number | undefined {
  const now = Math.floor(nowMs / STEP_MS);
  for (let step = now - TOLERANCE; step <= now + TOLERANCE; step++) {
    if (isEqual(totpAt(secret, step), code)) return step;
  }
  return undefined;
}

/** RFC 4226, 5.3. */
export function totpAt(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

const isEqual = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

/** Returns what an app reads as a QR code, and as text. */
export const totpUrl = (secret: Buffer, name: string): string =>
  `otpauth://totp/FiberStream:${encodeURIComponent(name)}?secret=${base32(secret)}&issuer=FiberStream`;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648, without padding: the bytes are a multiple of 5. */
export function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => ALPHABET[parseInt(group.padEnd(5, "0"), 2)])
    .join("");
}

const RECOVERY_CODES = 10;
const RECOVERY_BYTES = 10;

/** Returns codes for when the app is lost, each of use once, such as ABCD-EFGH-IJKL-MNOP. */
export const newRecoveryCodes = (): string[] =>
  Array.from({ length: RECOVERY_CODES }, () =>
    (base32(randomBytes(RECOVERY_BYTES)).match(/.{4}/g) ?? []).join("-"),
  );

/** 80 random bits cannot be guessed, so a fast hash is enough. */
export const recoveryHash = (code: string): Buffer =>
  hash("sha256", code.toUpperCase().replaceAll(/[^A-Z2-7]/g, ""), "buffer");

export const isRecoveryCode = (code: string): boolean =>
  code.toUpperCase().replaceAll(/[^A-Z2-7]/g, "").length === 16;
