/** The cookies of people: the session, and the browser's mark by which tries to sign in are told apart. */
export type Cookies = {
  readonly session: Cookie;
  readonly device: Cookie;
};

export type Cookie = {
  readonly name: string;
  /** Returns its value in a Cookie header; undefined: it is not there, or twice. */
  readonly in: (header: string | undefined) => string | undefined;
  /** Returns the Set-Cookie header that sets it; without an age the browser forgets it when it is closed. */
  readonly set: (value: string, maxAgeSeconds?: number) => string;
  /** The Set-Cookie header that removes it. */
  readonly removal: string;
};

/**
 * @param options.isPlain the console is reached without TLS, on a loopback address only: browsers keep no cookie with the prefix
 *   `__Host-` there, so it has another name
 */
export function createCookies({ isPlain }: { isPlain: boolean }): Cookies {
  const prefix = isPlain ? "" : "__Host-";
  // Lax: a link to the console from elsewhere finds the person signed in. Changes need the origin besides, see own-origin.ts.
  const attributes = `Path=/; HttpOnly; ${isPlain ? "" : "Secure; "}SameSite=Lax`;
  const cookie = (name: string): Cookie => ({
    name,
    in: (header) => valueIn(header, name),
    set: (value, maxAgeSeconds) =>
      `${name}=${value}; ${attributes}${maxAgeSeconds === undefined ? "" : `; Max-Age=${maxAgeSeconds}`}`,
    removal: `${name}=; ${attributes}; Max-Age=0`,
  });
  return { session: cookie(`${prefix}fiberstream`), device: cookie(`${prefix}fiberstream-device`) };
}

function valueIn(header: string | undefined, name: string): string | undefined {
  const values = (header ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  // Somebody who can set cookies of a neighbouring host might add another one: neither is believed.
  return values.length === 1 ? values[0] : undefined;
}
