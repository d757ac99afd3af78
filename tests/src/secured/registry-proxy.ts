import { readFileSync } from "node:fs";
import { once } from "node:events";
import { request as forward } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./certificates.ts";

export type RegistryProxy = { readonly url: string; readonly close: () => Promise<void> };

/** Starts a proxy with TLS and basic authentication in front of a registry that has neither. */
export async function startRegistryProxy(options: {
  registryUrl: string;
  certificate: Certificate;
  /** user:password */
  userInfo: string;
}): Promise<RegistryProxy> {
  const target = new URL(options.registryUrl);
  const expected = `Basic ${Buffer.from(options.userInfo).toString("base64")}`;
  const server = createServer(
    {
      cert: readFileSync(options.certificate.certificateFile),
      key: readFileSync(options.certificate.keyFile),
    },
    (incoming, outgoing) => {
      if (incoming.headers.authorization !== expected) {
        outgoing.writeHead(401).end();
        return;
      }
      const { authorization: _, ...headers } = incoming.headers;
      const { hostname, port } = target;
      const { method, url: path } = incoming;
      // No keep-alive: the registry could close a connection at the moment when it is used again.
      const agent = false;
      const inner = forward({ agent, hostname, port, method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      inner.on("error", () => outgoing.destroy());
      incoming.pipe(inner);
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}${target.pathname}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
