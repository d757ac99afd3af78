/**
 * What a terminal obeys instead of showing, or what turns a line's order around: controls (ESC, line ends, C1),
 * other line ends, invisible format characters such as the bidirectional ones, and halves of characters. Joiners
 * stay: names in some scripts need them.
 */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u200C\u200D])\p{Cf}/gu;

/**
 * A value from outside as a part of a line: what a terminal would obey is shown as `\u001b`, line ends too. Names
 * that others chose cannot clear the screen, forge a line or hide what follows.
 */
export const terminalText = (text: string): string => text.replaceAll(OBEYED, escaped);

/**
 * Whole lines on their way to a terminal, which keep their ends. An escape is as JSON writes it, so that JSON stays
 * the same JSON.
 */
export const terminalLines = (text: string): string =>
  text.replaceAll(OBEYED, (found) => (found === "\n" ? found : escaped(found)));

function escaped(found: string): string {
  const units = Array.from({ length: found.length }, (_, at) => found.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
