import cliProgress from "cli-progress";

export type ProgressBar = {
  /** @param facts what the bar's text names in braces */
  show: (done: number, of: number, facts: Readonly<Record<string, number | string>>) => void;
  end: () => void;
};

/** A bar on a terminal, nothing elsewhere; on standard error. @param text behind the bar */
export function showProgress(text: string): ProgressBar {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  const bar = new cliProgress.SingleBar({
    format: `{bar} {percentage}% | ${text}`,
    hideCursor: true,
    gracefulExit: false,
  });
  let isBegun = false;
  return {
    show: (done, of, facts) => {
      if (!isBegun) bar.start(of, done, facts);
      isBegun = true;
      bar.setTotal(of);
      bar.update(done, facts);
    },
    end: () => bar.stop(),
  };
}
