/** A browser loads nothing for the answer, sends no form from it, and shows it in no frame. */
const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * What an answer tells browsers, also one with data, beside `X-Content-Type-Options`. Programs ignore it. A page replaces the
 * policy by its own.
 */
export const BROWSER_HEADERS = {
  "Content-Security-Policy": NOTHING,
  "Referrer-Policy": "no-referrer",
} as const;

/** The policy of a page that has its style within itself. */
export const LOADS_NOTHING = `${NOTHING}; style-src 'unsafe-inline'`;

/** Browsers use https only, for two years, here and below this host name (RFC 6797). Not to be sent over plain HTTP. */
export const HTTPS_ONLY = "max-age=63072000; includeSubDomains";
