export type Token = { readonly start: number; readonly end: number };

/** A double (IEEE 754) represents every number with fewer digits exactly enough to print it unchanged. */
export const INEXACT_DIGITS = 16;

/**
 * Finds the numbers in a JSON text that a double may change: those with 16 digits or more, and those with a negative
 * exponent of three digits. (A number beyond a double's range becomes infinite, which is noticed later.) It does not read
 * the whole text, which would cost as much as parsing it.
 */
export function inexactTokens(text: string): Token[] {
  const candidates = [...longRuns(text), ...smallExponents(text)];
  if (candidates.length === 0) return candidates;
  candidates.sort((a, b) => a.start - b.start || b.end - a.end);
  return outsideStrings(text, candidates);
}

/** Finds runs of digits and dots, by looking at one in 16 characters. */
function longRuns(text: string): Token[] {
  const runs: Token[] = [];
  let at = INEXACT_DIGITS - 1;
  while (at < text.length) {
    if (isDigitOrDot(text.charCodeAt(at))) {
      const token = tokenAround(text, at);
      if (token.end - token.start >= INEXACT_DIGITS) runs.push(token);
      at = Math.max(at, token.end - 1);
    }
    at += INEXACT_DIGITS;
  }
  return runs;
}

/** Finds negative exponents of three digits by their minus: most texts have few. */
function smallExponents(text: string): Token[] {
  const tokens: Token[] = [];
  let minus = text.indexOf("-");
  while (minus !== -1) {
    let searchFrom = minus + 1;
    if (isSmallExponent(text, minus)) {
      const token = tokenAround(text, minus);
      tokens.push(token);
      searchFrom = token.end;
    }
    minus = text.indexOf("-", searchFrom);
  }
  return tokens;
}

const isSmallExponent = (text: string, minus: number): boolean =>
  isE(text.charCodeAt(minus - 1)) &&
  isDigitOrDot(text.charCodeAt(minus - 2)) &&
  isDigit(text.charCodeAt(minus + 1)) &&
  isDigit(text.charCodeAt(minus + 2)) &&
  isDigit(text.charCodeAt(minus + 3));

function tokenAround(text: string, at: number): Token {
  let [start, end] = [at, at + 1];
  while (isOfNumber(text.charCodeAt(start - 1))) start--;
  while (isOfNumber(text.charCodeAt(end))) end++;
  return { start, end };
}

// Outside of the text charCodeAt returns NaN, for which all of these are false.
const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;
const isDigitOrDot = (unit: number): boolean => isDigit(unit) || unit === 0x2e;
const isE = (unit: number): boolean => unit === 0x65 || unit === 0x45;
const isOfNumber = (unit: number): boolean =>
  isDigitOrDot(unit) || isE(unit) || unit === 0x2b || unit === 0x2d;

/**
 * Leaves out tokens within strings, and duplicates.
 * @param candidates sorted by their start
 */
function outsideStrings(text: string, candidates: readonly Token[]): Token[] {
  const tokens: Token[] = [];
  let stringStart = text.indexOf('"');
  let stringEnd = endOfString(text, stringStart);
  let takenTo = 0;
  for (const token of candidates) {
    while (stringStart !== -1 && stringEnd <= token.start) {
      stringStart = text.indexOf('"', stringEnd);
      stringEnd = endOfString(text, stringStart);
    }
    const isInString = stringStart !== -1 && stringStart < token.start;
    if (isInString || token.start < takenTo) continue;
    tokens.push(token);
    takenTo = token.end;
  }
  return tokens;
}

/** Returns the position after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  if (start === -1) return text.length;
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === "\\") before--;
  return (at - before) % 2 === 1;
}
