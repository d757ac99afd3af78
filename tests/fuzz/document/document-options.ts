import { type Command, InvalidArgumentError } from "commander";

export const whole = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above 0.");
};

/**
 * Adds the options of requests from the document.
 * @param defaults.examples which take about as long as the other steps of CI
 */
export const withDocumentOptions = (command: Command, defaults: { examples: number }): Command =>
  command
    .option(
      "--examples <number>",
      "number of requests of each kind for each operation of the document",
      whole,
      defaults.examples,
    )
    .option("--seed <number>", "seed; the same seed gives the same requests", whole, 20_261_105)
    .option("--phases <list>", "schemathesis's phases", "examples,coverage,fuzzing");
