import type { IncomingHttpHeaders } from "node:http";
import { isLoopback } from "@fiberstream/http/open-port";
import { Refusal } from "../answers/refusal.ts";

/** Where browsers reach the console. */
export type OwnOrigin = {
  /** Whether that is without TLS, on a loopback address. */
  readonly isPlain: boolean;
  /**
   * For requests that change something and that a browser signs by its cookie: a page of another origin may send them, too.
   * @throws {Refusal} ORIGIN_NOT_ALLOWED when the request does not say that it comes from a page of this console
   */
  readonly require: (headers: IncomingHttpHeaders) => void;
  /** The same for requests without a cookie, which programs send, too: only what says that it comes from elsewhere is refused. */
  readonly refuseOthers: (headers: IncomingHttpHeaders) => void;
};

/** @param options.publicUrl undefined: what the Host header says */
export function createOwnOrigin(options: {
  publicUrl: string | undefined;
  host: string;
}): OwnOrigin {
  const { publicUrl, host: ownHost } = options;
  const isPlain = publicUrl === undefined ? isLoopback(ownHost) : publicUrl.startsWith("http:");

  const isOwn = (origin: string, host: string) =>
    publicUrl === undefined
      ? origin === `https://${host}` || (isPlain && origin === `http://${host}`)
      : origin === publicUrl;

  const refuseOthers: OwnOrigin["refuseOthers"] = ({
    origin,
    host = "",
    "sec-fetch-site": site,
  }) => {
    const isOfOtherPage = site !== undefined && site !== "same-origin" && site !== "none";
    if (!isOfOtherPage && (origin === undefined || isOwn(origin, host))) return;
    throw new Refusal(
      "ORIGIN_NOT_ALLOWED",
      "this comes from a page of another origin. Behind a proxy: set PUBLIC_URL to the address at which browsers reach the console",
    );
  };

  return {
    isPlain,
    refuseOthers,
    require: (headers) => {
      refuseOthers(headers);
      if (headers.origin !== undefined || headers["sec-fetch-site"] === "same-origin") return;
      throw new Refusal(
        "ORIGIN_NOT_ALLOWED",
        "a change with a cookie needs the header Origin, which browsers send; a script should use a personal token",
      );
    },
  };
}
