import { InvalidArgumentError } from "commander";

/** A parser of an option that takes a whole number with bounds. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) {
      return value;
    }
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
