import type { Judgement } from "../compare/judge-difference.ts";
import type { Phase } from "../load/phase.ts";
import type { Axis } from "../scale/scale-axes.ts";
import type { Figure } from "./figures.ts";
import type { Setting } from "./machine.ts";

/** A figure of two commits, compared. */
export type Compared = Omit<Figure, "value"> &
  Judgement & { readonly valuesA: readonly number[]; readonly valuesB: readonly number[] };

/** The comparison of two commits, measured in turns. */
export type ComparedResult = {
  readonly setting: Setting;
  readonly options: { readonly rounds: number };
  readonly commits: { readonly a: string; readonly b: string };
  readonly figures: readonly Compared[];
};

/** One point of an axis. */
export type Step = {
  readonly axis: Axis;
  readonly value: number;
  /** Steps may be from different runs. */
  readonly setting: Setting;
  readonly phase: Phase;
};
export type Scaled = { readonly steps: readonly Step[] };
