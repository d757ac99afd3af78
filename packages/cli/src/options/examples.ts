/** Returns the examples at the end of a command's `--help`, one for each call of `fiber`. */
export const examples = (...calls: readonly string[]): string =>
  `\nExample${calls.length > 1 ? "s" : ""}:\n${calls.map((call) => `  npm run fiber -- ${call}`).join("\n")}`;
