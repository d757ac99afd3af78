// Loaded before a service: its wall clock is off by CLOCK_SHIFT_MS, as on a machine that lost its time
// server. Monotonic clocks go on as they are.
const shiftMs = Number(process.env.CLOCK_SHIFT_MS);
const Real = Date;
const now = () => Real.now() + shiftMs;

globalThis.Date = new Proxy(Real, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new Real(now()).toString(),
  get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
});
