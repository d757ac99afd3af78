import { request as askOverHttps } from "node:https";
import { request as askOverHttp } from "@fiberstream/runtime/node-http";

export type HttpOptions = {
  readonly timeoutMs: number;
  /** PEM; by default the authorities of Node. */
  readonly ca?: Buffer | undefined;
  readonly user?: { readonly username: string; readonly password: string } | undefined;
  /** Sent as the body of a POST. */
  readonly json?: object | undefined;
  /** By default POST with a body, and GET without. */
  readonly method?: "DELETE" | undefined;
};

/**
 * Sends a request and returns the whole answer. It does not use `fetch`, whose first call loads an HTTP client that
 * nothing else needs.
 *
 * @throws if there is no answer within `timeoutMs`
 */
export function httpAsk(
  url: string,
  options: HttpOptions,
): Promise<{ status: number; body: string }> {
  const { ca, user, json } = options;
  const auth = user && `${user.username}:${user.password}`;
  const ask = url.startsWith("https:") ? askOverHttps : askOverHttp;
  const method = options.method ?? (json === undefined ? "GET" : "POST");
  const headers = json === undefined ? {} : { "content-type": REGISTRY_JSON };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const request = ask(url, { agent: false, signal, ca, auth, method, headers }, (response) => {
      response.setEncoding("utf8");
      let body = "";
      response.on("data", (text: string) => (body += text));
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.once("error", reject);
    request.end(json && JSON.stringify(json));
  });
}

const REGISTRY_JSON = "application/vnd.schemaregistry.v1+json";
