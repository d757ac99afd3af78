import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import { freePorts } from "./free-ports.ts";

/** Of 12,000: without a reservation each two calls would share seven of them. */
const COUNT = 300;

it("gives ports outside of the range of outgoing connections", async () => {
  const ports = await freePorts(COUNT);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...ports)).toBeLessThan(32_000);
});

it("gives a port once only, to this and to every other process", async () => {
  const script = `
    import { freePorts } from ${JSON.stringify(new URL("./free-ports.ts", import.meta.url).href)};
    console.log(JSON.stringify(await freePorts(${COUNT})));
    process.stdin.resume();`;
  const other = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  const told = new Promise<number[]>((resolve) =>
    other.child.stdout?.once("data", (text: string) => resolve(JSON.parse(text) as number[])),
  );
  try {
    const calls = await Promise.all([freePorts(COUNT), freePorts(COUNT), told]);
    const after = await freePorts(COUNT);
    expect(new Set([...calls.flat(), ...after]).size).toBe(4 * COUNT);
  } finally {
    other.child.stdin?.end();
    await other;
  }
});
