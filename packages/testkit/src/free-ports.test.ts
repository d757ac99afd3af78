import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import { freePorts } from "./free-ports.ts";

/** Of 12,000 ports: without reservations, two calls would have seven of them in common. */
const COUNT = 300;

it("returns ports outside of the range for outgoing connections", async () => {
  const ports = await freePorts(COUNT);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...ports)).toBeLessThan(32_000);
});

it("returns each port only once, also to other processes", async () => {
  const script = `
    import { freePorts } from ${JSON.stringify(new URL("./free-ports.ts", import.meta.url).href)};
    console.log(JSON.stringify(await freePorts(${COUNT})));
    process.stdin.resume();`;
  const other = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  const received = new Promise<number[]>((resolve) =>
    other.child.stdout?.once("data", (text: string) => resolve(JSON.parse(text) as number[])),
  );
  try {
    const calls = await Promise.all([freePorts(COUNT), freePorts(COUNT), received]);
    const after = await freePorts(COUNT);
    expect(new Set([...calls.flat(), ...after]).size).toBe(4 * COUNT);
  } finally {
    other.child.stdin?.end();
    await other;
  }
});
