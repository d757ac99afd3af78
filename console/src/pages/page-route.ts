import type { From } from "../access/reader.ts";
import type { Answer } from "../answers/answer.ts";

/** A request of a browser, or of the identity provider. */
export type PageRequest = From & {
  readonly query: URLSearchParams;
  /** @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE */
  readonly readForm: () => Promise<URLSearchParams>;
};

/** A route outside the API: a page, or a step of a sign-in. Its answer is for a browser. */
export type PageRoute = {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Its name in metrics and logs. */
  readonly operation: string;
  /** @throws {Refusal} which becomes a page that says so */
  readonly answer: (request: PageRequest) => Answer | Promise<Answer>;
  /** Set if the asker is a program: a refusal is a problem document. */
  readonly isForPrograms?: true;
};
