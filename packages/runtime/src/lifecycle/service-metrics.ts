import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Health } from "./health.ts";

/** The metrics that every service has: Node's own, which build it is, and what its readiness hangs on. */
export function createServiceRegistry(options: {
  service: string;
  version: string;
  health: Pick<Health, "readiness">;
}): Registry {
  const { service, version, health } = options;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "fiberstream_build_info",
    help: "Always 1; the labels say which service and version this is",
    labelNames: ["service", "version"],
    registers,
  }).set({ service, version }, 1);
  const checks: Gauge<"check"> = new Gauge({
    name: "fiberstream_check_ok",
    help: "1 while a check of /readyz is fine, 0 while it fails: the service is ready when all are 1. /readyz says why and since when",
    labelNames: ["check"],
    registers,
    collect: () => {
      checks.reset();
      for (const [check, { status }] of Object.entries(health.readiness())) {
        checks.set({ check }, status === "ok" ? 1 : 0);
      }
    },
  });
  return registry;
}
