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

/** Creates a bar of solid blocks, with the value `text` after it. */
export const createBar = (): cliProgress.SingleBar =>
  new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {text}",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    gracefulExit: false,
  });

/**
 * Shows on standard error how much of a long work is done: a bar on a terminal, otherwise a line now and then.
 *
 * @param work.share returns how much is done, from 0 to 1
 * @param work.describe returns the text after it
 * @returns a function that ends it
 */
export function showShare(work: {
  share: () => number;
  describe: () => string;
  redrawEveryMs: number;
  lineEveryMs: number;
}): () => void {
  const { share, describe } = work;
  if (!process.stderr.isTTY) {
    const timer = setInterval(() => {
      process.stderr.write(`${Math.round(share() * 100)}% | ${describe()}\n`);
    }, work.lineEveryMs);
    return () => clearInterval(timer);
  }
  const bar = createBar();
  const draw = () => bar.update(Math.round(share() * 100), { text: describe() });
  bar.start(100, 0, { text: "" });
  const timer = setInterval(draw, work.redrawEveryMs);
  return () => {
    clearInterval(timer);
    draw();
    bar.stop();
  };
}
