import { get as getOverHttps } from "node:https";
import { get as getOverHttp } from "@fiberstream/runtime/node-http";

/**
 * The status of a GET's answer; its body is thrown away.
 * Not by fetch, whose first call loads an HTTP client that nothing else here needs.
 *
 * @throws when there is no answer within `timeoutMs`
 */
export function httpStatusOf(
  url: string,
  options: {
    timeoutMs: number;
    /** PEM; by default the authorities that Node brings. */
    ca?: Buffer | undefined;
    user?: { username: string; password: string } | undefined;
  },
): Promise<number> {
  const { ca, user } = options;
  const auth = user && `${user.username}:${user.password}`;
  const get = url.startsWith("https:") ? getOverHttps : getOverHttp;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const request = get(url, { agent: false, signal, ca, auth }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once("error", reject);
  });
}
