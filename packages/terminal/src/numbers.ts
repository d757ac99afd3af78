import { InvalidArgumentError } from "commander";

/** Returns a parser of a whole number within bounds. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) {
      return value;
    }
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };

/** Returns a parser of a number within bounds. */
export const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };

/** Parses a percentage: `30` and `30%` are 30. */
export const percent = (text: string): number => number(0, 100)(text.replace(/%$/, ""));
