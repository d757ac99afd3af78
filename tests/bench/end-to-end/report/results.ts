import type { Judgement } from "../compare/judge-difference.ts";
import type { Phase } from "../load/phase.ts";
import type { Axis } from "../scale/scale-axes.ts";
import type { Figure } from "./figures.ts";
import type { Setting } from "./machine.ts";

/** A figure of two commits. */
export type Compared = Omit<Figure, "value"> &
  Judgement & { readonly valuesA: readonly number[]; readonly valuesB: readonly number[] };

/** Two commits, measured by turns. */
export type ComparedResult = {
  readonly setting: Setting;
  readonly options: { readonly rounds: number };
  readonly commits: { readonly a: string; readonly b: string };
  readonly figures: readonly Compared[];
};

/** One point of an axis that grows. */
export type Step = {
  readonly axis: Axis;
  readonly value: number;
  /** Steps can be of different runs. */
  readonly setting: Setting;
  readonly phase: Phase;
};
export type Scaled = { readonly steps: readonly Step[] };
