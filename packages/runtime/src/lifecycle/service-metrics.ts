import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Health } from "./health.ts";

/** The metrics of every service: Node's default metrics, the version, and the readiness checks. */
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
    help: "1 while a check of /readyz passes, 0 while it fails; the service is ready when all are 1. /readyz shows the reason and since when",
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
