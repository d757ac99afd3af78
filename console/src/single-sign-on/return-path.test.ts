import { describe, expect, it } from "@jest/globals";
import { ownPath } from "./return-path.ts";

const own = (wanted: string | undefined) => ownPath(wanted, "https://console.example");

describe("the path after a sign-in", () => {
  it.each(["/", "/account", "/nodes/accra-1?range=1h&x=%2F%2Fevil", "/a//b"])(
    "is one of the console: %s",
    (path) => expect(own(path)).toBe(path),
  );

  it("has no fragment, and no steps upwards", () => {
    expect(own("/a/../b#part")).toBe("/b");
  });

  it.each([
    undefined,
    "",
    "account",
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example",
    "/\n/evil.example",
    "/..//evil.example",
    "/.//evil.example",
    "javascript:alert(1)",
    "/ü",
    `/${"a".repeat(1_000)}`,
  ])("is never of another host, nor a script: %j", (path) => {
    expect(own(path)).toBe("/account");
  });
});
