import { readFileSync } from "node:fs";

// Loaded before a service: shifts its wall clock by the milliseconds in a file, as on a machine that lost its time server,
// and steps it when the file changes. Monotonic clocks are not changed.
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
