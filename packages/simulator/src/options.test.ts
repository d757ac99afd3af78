import { describe, expect, it } from "@jest/globals";
import { createCommand, type Options } from "./options.ts";

async function parse(...args: string[]): Promise<Options | undefined> {
  let options: Options | undefined;
  const command = createCommand(async (given) => {
    options = given;
  });
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync(args, { from: "user" });
  return options;
}

describe("the command line", () => {
  it("is by default 5 probes at 1 event per second for a minute", async () => {
    expect(await parse()).toMatchObject({
      probes: 5,
      rate: 1,
      durationMs: 60_000,
      maxEvents: undefined,
      batch: undefined,
      freshIds: undefined,
      verify: false,
    });
  });

  it("accepts a number of events instead of a duration", async () => {
    expect(await parse("--events", "10")).toMatchObject({ durationMs: undefined, maxEvents: 10 });
    expect(await parse("--events", "10", "--duration", "5s")).toMatchObject({ durationMs: 5_000 });
  });

  it("accepts an unlimited rate", async () => {
    expect(await parse("--rate", "unlimited")).toMatchObject({ rate: "unlimited" });
  });

  it.each([
    [["--probes", "0"], "whole number from 1 to 100000"],
    [["--rate", "-1"], "number above 0"],
    [["--rate", "fast"], "or the word unlimited"],
    [["--duration", "60"], "a number and a unit"],
    [["--url", "localhost:8000"], "an address such as http://localhost:8000"],
    [["--prodes", "5"], "Did you mean --probes?"],
    [["5"], "too many arguments"],
  ])("explains what is wrong with %j", async (args, message) => {
    await expect(parse(...args)).rejects.toThrow(message);
  });
});
