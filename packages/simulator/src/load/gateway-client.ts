import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";

export type GatewayAnswer = { readonly status: number; readonly body: string };

export type GatewayClient = {
  /** @throws the error of the connection, or one with the code ETIMEDOUT */
  readonly post: (path: string, body: string) => Promise<GatewayAnswer>;
  readonly get: (path: string) => Promise<GatewayAnswer>;
  readonly close: () => void;
};

/**
 * Creates an HTTP client with keep-alive connections. `node:http` needs about half the time of fetch for a request.
 *
 * @param options.url address of the gateway; a path in it is prepended to each route
 * @param options.connections how many requests may be in flight at once
 */
export function createGatewayClient(options: {
  url: URL;
  connections: number;
  timeoutMs: number;
}): GatewayClient {
  const { url, connections, timeoutMs } = options;
  const protocol = url.protocol === "https:" ? https : http;
  const agent = new protocol.Agent({ keepAlive: true, maxSockets: connections });
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const target = { agent, host, port: url.port, timeout: timeoutMs };
  const base = url.pathname.replace(/\/$/, "");

  const ask = async (
    method: "GET" | "POST",
    path: string,
    body?: string,
  ): Promise<GatewayAnswer> => {
    const headers =
      body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const outgoing = protocol.request({ ...target, method, path: base + path, headers });
    outgoing.on("timeout", () => outgoing.destroy(timedOut(timeoutMs)));
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    return { status: incoming.statusCode ?? 0, body: await textOf(incoming) };
  };

  return {
    post: (path, body) => ask("POST", path, body),
    get: (path) => ask("GET", path),
    close: () => agent.destroy(),
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  incoming.setEncoding("utf8").on("data", (part: string) => (text += part));
  await once(incoming, "end");
  return text;
}

const timedOut = (timeoutMs: number): Error =>
  Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" });
