import { get as getOverHttps } from "node:https";
import { get as getOverHttp } from "@fiberstream/runtime/node-http";

export type HttpOptions = {
  readonly timeoutMs: number;
  /** PEM; by default the authorities that Node brings. */
  readonly ca?: Buffer | undefined;
  readonly user?: { readonly username: string; readonly password: string } | undefined;
};

/** The status of a GET's answer. @throws when there is no answer within `timeoutMs` */
export const httpStatusOf = async (url: string, options: HttpOptions): Promise<number> =>
  (await httpGet(url, options)).status;

/**
 * A GET's answer whole. Not by fetch, whose first call loads an HTTP client that nothing else here needs.
 *
 * @throws when there is no answer within `timeoutMs`
 */
export function httpGet(
  url: string,
  options: HttpOptions,
): Promise<{ status: number; body: string }> {
  const { ca, user } = options;
  const auth = user && `${user.username}:${user.password}`;
  const get = url.startsWith("https:") ? getOverHttps : getOverHttp;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const request = get(url, { agent: false, signal, ca, auth }, (response) => {
      response.setEncoding("utf8");
      let body = "";
      response.on("data", (text: string) => (body += text));
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.once("error", reject);
  });
}
