import { describe, expect, it } from "@jest/globals";
import { createLife } from "./life.ts";

describe("createLife", () => {
  it("releases last-in first-out, each awaited", async () => {
    const life = createLife();
    const released: string[] = [];
    life.own("first", (name) => released.push(name));
    life.own("second", async (name) => {
      await Promise.resolve();
      released.push(name);
    });
    await life.stop();
    expect(released).toEqual(["second", "first"]);
  });

  it("releases everything although one release throws, and throws the first error", async () => {
    const life = createLife();
    const released: string[] = [];
    life.own("first", (name) => released.push(name));
    life.own("second", () => {
      throw new Error("later");
    });
    life.own("third", () => {
      throw new Error("first to fail");
    });
    await expect(life.stop()).rejects.toThrow("first to fail");
    expect(released).toEqual(["first"]);
  });

  it("stops once however often it is asked, and all callers wait for the end", async () => {
    const life = createLife();
    let releases = 0;
    life.own(undefined, () => releases++);
    await Promise.all([life.stop(), life.stop()]);
    expect(releases).toBe(1);
    expect(life.stopping.aborted).toBe(true);
  });
});
