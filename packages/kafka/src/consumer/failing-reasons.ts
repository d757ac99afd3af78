import type { Check } from "@fiberstream/runtime/health";

const MAX_TOLD = 3;

/** Why a consumer cannot do all of its job, by what is failing; its check names the first few. */
export type FailingReasons = {
  /** @param reason undefined when it is over */
  readonly report: (about: string, reason: string | undefined) => void;
};

export function createFailingReasons(check: Check): FailingReasons {
  const reasons = new Map<string, string>();
  return {
    report: (about, reason) => {
      if (reason === undefined) reasons.delete(about);
      else reasons.set(about, reason);
      const told = [...new Set(reasons.values())];
      if (told.length === 0) return check.ok();
      const more = told.length > MAX_TOLD ? `; and ${told.length - MAX_TOLD} more` : "";
      check.failing(told.slice(0, MAX_TOLD).join("; ") + more);
    },
  };
}
