import type { Server } from "node:http";
import { once } from "node:events";
import type { Registry } from "prom-client";
import type { Health } from "../lifecycle/health.ts";
import { listen } from "./listen.ts";
import { createServer } from "./node-http.ts";

export type AdminServer = {
  readonly port: number;
  /** Adds a route that answers with JSON, e.g. `POST /breaker/reset`. */
  route: (methodAndPath: string, answer: (query: URLSearchParams) => object) => void;
  close: () => Promise<void>;
};

/**
 * Serves operators: `/livez` (the state of the process itself, never of a dependency), `/readyz` (503 when a check
 * fails; each check with its reason and the time of its last change) and `/metrics` (Prometheus text).
 */
export async function startAdminServer(options: {
  host: string;
  port: number;
  health: Health;
  registry: Registry;
}): Promise<AdminServer> {
  const { health, registry } = options;
  const routes: Record<string, (query: URLSearchParams) => Answer | Promise<Answer>> = {
    "/livez": () => {
      const dead = health.livenessProblems();
      const isAlive = Object.keys(dead).length === 0;
      return json(isAlive ? 200 : 503, {
        status: isAlive ? "ok" : "dead",
        ...(!isAlive && { dead }),
      });
    },
    "/readyz": () => {
      const isReady = health.isReady();
      return json(isReady ? 200 : 503, {
        status: isReady ? "ok" : "not ready",
        checks: health.readiness(),
      });
    },
    "/metrics": async () => ({
      status: 200,
      type: registry.contentType,
      body: await registry.metrics(),
    }),
  };
  const server = createServer((request, response) => {
    const [path = "/", query = ""] = (request.url ?? "/").split("?");
    const route = routes[`${request.method} ${path}`] ?? routes[path];
    void (async () => {
      const answer = route
        ? await route(new URLSearchParams(query))
        : json(404, { error: `not found; the routes are ${Object.keys(routes).join(", ")}` });
      response.writeHead(answer.status, { "content-type": answer.type }).end(answer.body);
    })().catch((error: unknown) => response.destroy(error as Error));
  });
  const port = await listen(server, options);
  return {
    port,
    route: (methodAndPath, answer) => {
      routes[methodAndPath] = (query) => json(200, answer(query));
    },
    close: () => closeServer(server),
  };
}

/** Stops listening and waits for the requests in flight. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  await closed;
}

type Answer = { status: number; type: string; body: string };
const json = (status: number, body: object): Answer => ({
  status,
  type: "application/json",
  body: `${JSON.stringify(body)}\n`,
});
