import cliProgress from "cli-progress";

export type Progress = {
  /** Begins a step; `total` records are ahead, or undefined when nobody can tell. */
  step: (name: string, total?: number) => void;
  done: (records: number) => void;
  end: () => void;
};

/** A bar on a terminal, elsewhere a line for each step; on standard error. */
export function createProgress(): Progress {
  if (!process.stderr.isTTY) {
    return {
      step: (name) => process.stderr.write(`${name}\n`),
      done: () => undefined,
      end: () => undefined,
    };
  }
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {name}",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    gracefulExit: false,
  });
  return {
    step: (name, total = 1) => {
      bar.stop();
      bar.start(total, 0, { name });
    },
    done: (records) => bar.update(records),
    end: () => bar.stop(),
  };
}

/** The same, each step's name after a prefix. */
export const prefixed = (progress: Progress, prefix: string): Progress => ({
  ...progress,
  step: (name, total) => progress.step(`${prefix}: ${name}`, total),
});
