import { expect, it } from "@jest/globals";
import { createSharedReading } from "./shared-reading.ts";

it("begins a reading after all callers that share it have asked: one for all that ask during another one", async () => {
  const endings: ((value: number) => void)[] = [];
  const read = createSharedReading(
    () => new Promise<number>((resolve) => void endings.push(resolve)),
  );
  const first = read();
  const others = Array.from({ length: 20 }, () => read());
  expect(endings).toHaveLength(1);
  endings[0]?.(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(endings).toHaveLength(2);
  endings[1]?.(2);
  expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
  const later = read();
  expect(endings).toHaveLength(3);
  endings[2]?.(3);
  expect(await later).toBe(3);
});

it("fails for all callers that share a failed reading, and begins the next one", async () => {
  let tries = 0;
  const read = createSharedReading(async () => {
    tries++;
    if (tries === 1) throw new Error("away");
    return tries;
  });
  const [first, second] = await Promise.allSettled([read(), read()]);
  expect(first).toMatchObject({ status: "rejected" });
  expect(second).toEqual({ status: "fulfilled", value: 2 });
});
