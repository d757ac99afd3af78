/**
 * Characters that a terminal interprets instead of showing: controls (ESC, line ends, C1), other line ends, invisible
 * format characters such as the bidirectional ones, and lone surrogates. Joiners are allowed, because names in some
 * scripts need them.
 */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u200C\u200D])\p{Cf}/gu;

/**
 * Escapes an external value for use within a line: control characters and line ends become `\u001b` and the like. So a
 * name chosen by others cannot clear the screen, forge a line or hide the text that follows.
 */
export const terminalText = (text: string): string => text.replaceAll(CONTROLS, escaped);

/**
 * Escapes whole lines for a terminal, except their line ends. Escapes have JSON's form, so JSON stays valid and equal.
 */
export const terminalLines = (text: string): string =>
  text.replaceAll(CONTROLS, (found) => (found === "\n" ? found : escaped(found)));

function escaped(found: string): string {
  const units = Array.from({ length: found.length }, (_, at) => found.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
