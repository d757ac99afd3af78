import cliProgress from "cli-progress";

export type ProgressBar = {
  /** @param values values for the names in braces in the bar's text */
  show: (done: number, total: number, values: Readonly<Record<string, number | string>>) => void;
  end: () => void;
};

/**
 * Shows a progress bar on standard error if that is a terminal, and nothing otherwise.
 * @param text the text after the bar
 */
export function showProgress(text: string): ProgressBar {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  const bar = new cliProgress.SingleBar({
    format: `{bar} {percentage}% | ${text}`,
    hideCursor: true,
    gracefulExit: false,
  });
  let isBegun = false;
  return {
    show: (done, total, values) => {
      if (!isBegun) bar.start(total, done, values);
      isBegun = true;
      bar.setTotal(total);
      bar.update(done, values);
    },
    end: () => bar.stop(),
  };
}
