import { Gauge, type Registry } from "prom-client";

export const createAuthModeGauge = (registry: Registry): Gauge<"mode"> =>
  new Gauge({
    name: "fiberstream_auth_mode",
    help: "Always 1; mode=open means that anyone who reaches the port may send: for local use only",
    labelNames: ["mode"],
    registers: [registry],
  });
