/** A browser without scripts: follows redirects step by step, and keeps cookies by host and port. */
export type CookieBrowser = {
  /** Requests an address, and follows redirects until a page, or until the next address matches `until`. */
  readonly open: (
    address: string,
    options?: { form?: Readonly<Record<string, string>>; until?: RegExp },
  ) => Promise<Opened>;
  readonly cookies: (origin: string) => ReadonlyMap<string, string>;
};

export type Opened = {
  /** Of the page; of the next one, if `until` matched it. */
  readonly address: string;
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
};

const MAX_STEPS = 20;

export function createCookieBrowser(): CookieBrowser {
  const jars = new Map<string, Map<string, string>>();
  const jarOf = (origin: string) => {
    const jar = jars.get(origin) ?? new Map<string, string>();
    jars.set(origin, jar);
    return jar;
  };

  const request = async (address: string, form?: Readonly<Record<string, string>>) => {
    const { origin } = new URL(address);
    const jar = jarOf(origin);
    const response = await fetch(address, {
      redirect: "manual",
      headers: {
        cookie: Array.from(jar, ([name, value]) => `${name}=${value}`).join("; "),
        ...(form !== undefined && { origin }),
      },
      ...(form !== undefined && { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";");
      const at = pair.indexOf("=");
      const isDeleted = /max-age=0|expires=thu, 01 jan 1970/i.test(cookie);
      if (isDeleted) jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  };

  return {
    cookies: jarOf,
    open: async (first, { form, until } = {}) => {
      let address = first;
      let response = await request(address, form);
      for (let step = 0; step < MAX_STEPS; step++) {
        const { status, headers } = response;
        const location = headers.get("location");
        if (location === null) return { address, status, headers, text: await response.text() };
        await response.body?.cancel();
        address = new URL(location, address).href;
        if (until?.test(address)) return { address, status, headers, text: "" };
        response = await request(address);
      }
      throw new Error(`over ${MAX_STEPS} redirects, the last to ${address}`);
    },
  };
}
