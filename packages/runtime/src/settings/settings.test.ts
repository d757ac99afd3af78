import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { ConfigError, portNumber, readSettings, setting } from "./settings.ts";

const settings = {
  port: setting("PORT", portNumber().default(8000), "public port"),
  brokers: setting("BROKERS", z.string().min(1), "addresses of brokers"),
  mode: setting("MODE", z.enum(["open", "keys"]).default("open"), "who may send"),
};

describe("readSettings", () => {
  it("reads values, converts them and adds defaults", () => {
    expect(readSettings(settings, { BROKERS: "a:1", PORT: "81" })).toEqual({
      port: 81,
      brokers: "a:1",
      mode: "open",
    });
  });

  it("treats an empty variable as not set", () => {
    expect(readSettings(settings, { BROKERS: "a:1", PORT: "" }).port).toBe(8000);
  });

  it("lists all invalid values together, by variable and meaning, without the value", () => {
    let thrown: unknown;
    try {
      readSettings(settings, { PORT: "s3cret", MODE: "wide" });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    const { message, problems } = thrown as ConfigError;
    expect(problems).toHaveLength(3);
    expect(message).toContain("PORT (public port)");
    expect(message).toContain("BROKERS (addresses of brokers): is not set");
    expect(message).toContain("MODE (who may send)");
    expect(message).not.toContain("s3cret");
  });

  it.each(["-1", "65536", "80.5", "eighty"])("refuses %s as a port", (PORT) => {
    expect(() => readSettings(settings, { BROKERS: "a:1", PORT })).toThrow(/PORT/);
  });
});
