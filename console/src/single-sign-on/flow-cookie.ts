import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";

/** What a sign-in that has begun needs at its end. */
export type Flow = z.output<typeof FLOW>;

const FLOW = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  /** The console's page that the person wanted. */
  returnPath: z.string(),
  expiresAtMs: z.number(),
});

export type FlowCookies = {
  /** Returns the Set-Cookie header that binds the flow to this browser. */
  readonly write: (flow: Flow) => string;
  /** Returns the flow of this browser; undefined if there is none, it is too old, or it was edited. */
  readonly read: (cookieHeader: string | undefined) => Flow | undefined;
  /** The Set-Cookie header that deletes it. */
  readonly deletion: string;
};

/** Long enough to find the phone with the second factor. */
export const FLOW_MAX_AGE_SECONDS = 600;
/** The prefix `__Host-` lets only this host set it, and only with Secure and for all its paths. */
export const FLOW_COOKIE = "fiberstream-flow";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Keeps a flow in the browser that began it, encrypted: consoles need no common memory, and a flow of one browser is of no
 * use in another.
 *
 * @param options.secret common to all processes
 * @param options.isPlain the console is reached without TLS, on a loopback address: not all browsers keep such a cookie there
 * @param options.now the time of day, in ms
 */
export function createFlowCookies(options: {
  secret: Buffer;
  isPlain: boolean;
  now: () => number;
}): FlowCookies {
  const { secret, isPlain, now } = options;
  const name = `${isPlain ? "" : "__Host-"}${FLOW_COOKIE}`;
  // Lax: the provider leads the browser back to the console.
  const attributes = `Path=/; HttpOnly; ${isPlain ? "" : "Secure; "}SameSite=Lax`;
  const key = Buffer.from(hkdfSync("sha256", secret, "", "cookies of sign-in flows", 32));

  const seal = (text: string): string => {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
  };

  const open = (value: string): string | undefined => {
    const bytes = Buffer.from(value, "base64url");
    if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const sealed = bytes.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(sealed), decipher.final()]).toString();
    } catch {
      return undefined;
    }
  };

  return {
    write: (flow) =>
      `${name}=${seal(JSON.stringify(flow))}; Max-Age=${FLOW_MAX_AGE_SECONDS}; ${attributes}`,
    read: (cookieHeader) => {
      const value = cookieOf(cookieHeader, name);
      const text = value === undefined ? undefined : open(value);
      if (text === undefined) return undefined;
      const flow = FLOW.safeParse(JSON.parse(text)).data;
      return flow !== undefined && now() < flow.expiresAtMs ? flow : undefined;
    },
    deletion: `${name}=; Max-Age=0; ${attributes}`,
  };
}

/** Returns a cookie's value. The header has at most 16 KB, as all headers together. */
function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}
