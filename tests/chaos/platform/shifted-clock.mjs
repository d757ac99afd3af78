import { readFileSync } from "node:fs";

// Loaded before a service: its wall clock is off by as many ms as a file says, as on a machine that lost its
// time server, and steps when the file changes. Monotonic clocks go on as they are.
const POLL_INTERVAL_MS = 100;
const file = process.env.CLOCK_FILE;
let shiftMs = 0;
const look = () => (shiftMs = Number(readFileSync(file, "utf8")));
look();
setInterval(look, POLL_INTERVAL_MS).unref();

const Real = Date;
const now = () => Real.now() + shiftMs;

globalThis.Date = new Proxy(Real, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new Real(now()).toString(),
  get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
});
