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

/** A parser of an option that takes a number with bounds. */
export const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };

/** A parser of an option that takes a share: `30` or `30%` gives 30. */
export const percent = (text: string): number => number(0, 100)(text.replace(/%$/, ""));
