/** Finds the last closing line of a test run, "N passed, N failed", in its output. */
export function createLineReader(): {
  readonly read: (text: string) => void;
  readonly last: () => string | undefined;
} {
  let rest = "";
  let found: string | undefined;
  return {
    read: (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      found = lines.findLast((line) => /^\d+ passed, \d+ failed/.test(line)) ?? found;
    },
    last: () => found,
  };
}
