import { describe, expect, it } from "@jest/globals";
import { terminalLines, terminalText } from "./terminal-text.ts";

describe("text for a terminal", () => {
  it.each([
    ["\u001B[2J", "\\u001b[2J"],
    ["\u009B2J", "\\u009b2J"],
    ["a\r\nb\tc\u0085d\u2028e", "a\\u000d\\u000ab\\u0009c\\u0085d\\u2028e"],
    ["probe\u202Egnp", "probe\\u202egnp"],
    ["\u2066x\u2069\u200F\uFEFF", "\\u2066x\\u2069\\u200f\\ufeff"],
    ["half \uD83D", "half \\ud83d"],
    ["\u{E0041}", "\\udb40\\udc41"],
  ])("escapes what the terminal would interpret: %j", (text, shown) => {
    expect(terminalText(text)).toBe(shown);
  });

  it.each(["Accra 😀", "क्\u200Dष", "प्रोब-१", "\u05D0\u05D1", "a  b"])(
    "leaves %s unchanged",
    (text) => {
      expect(terminalText(text)).toBe(text);
    },
  );

  it("keeps line breaks, and JSON stays the same JSON", () => {
    const value = { node_id: "x\u202E\u007F\u009B", note: "one\ntwo\u001B" };
    const lines = terminalLines(`${JSON.stringify(value)}\n${JSON.stringify([value])}\n`);
    expect(
      lines
        .split("\n")
        .slice(0, 2)
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([value, [value]]);
    expect(lines.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202E]/u);
  });
});
