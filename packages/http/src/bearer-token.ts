/** A fault in an Authorization header. */
export type BearerFault = {
  readonly code: "MISSING_TOKEN" | "INVALID_TOKEN";
  readonly detail: string;
};

/** Returns the token of an Authorization header, or what is wrong with the header (RFC 6750, 2.1). */
export function bearerOf(authorization = ""): string | BearerFault {
  const [scheme = "", token = "", ...more] = authorization.split(" ");
  if (scheme === "") {
    return { code: "MISSING_TOKEN", detail: "send the header Authorization: Bearer <token>" };
  }
  if (scheme.toLowerCase() !== "bearer" || token === "" || more.length > 0) {
    return {
      code: "INVALID_TOKEN",
      detail: "the header must be Authorization: Bearer <token>",
    };
  }
  return token;
}

/** RFC 6750 has an error name for invalid tokens, and none for other reasons. */
const INVALID: ReadonlySet<string> = new Set(["INVALID_TOKEN", "EXPIRED_TOKEN"]);

/** Returns the header that RFC 9110 (15.5.2) requires in a 401. */
export function challenge(code: string): Record<string, string> {
  const parameter = INVALID.has(code) ? ', error="invalid_token"' : "";
  return { "WWW-Authenticate": `Bearer realm="fiberstream"${parameter}` };
}
