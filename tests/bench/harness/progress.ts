import { createBar } from "@fiberstream/terminal/progress-bar";

export type Progress = {
  /** Begins a step with `total` records; undefined if the number is not known. */
  step: (name: string, total?: number) => void;
  done: (records: number) => void;
  end: () => void;
};

/** Shows progress on standard error: a bar on a terminal, otherwise a line for each step. */
export function createProgress(): Progress {
  if (!process.stderr.isTTY) {
    return {
      step: (name) => process.stderr.write(`${name}\n`),
      done: () => undefined,
      end: () => undefined,
    };
  }
  const bar = createBar();
  return {
    step: (name, total = 1) => {
      bar.stop();
      bar.start(total, 0, { text: name });
    },
    done: (records) => bar.update(records),
    end: () => bar.stop(),
  };
}

/** Returns a progress that adds a prefix to the name of each step. */
export const prefixed = (progress: Progress, prefix: string): Progress => ({
  ...progress,
  step: (name, total) => progress.step(`${prefix}: ${name}`, total),
});
