import type { Check } from "@fiberstream/runtime/health";

const MAX_SHOWN = 3;

/** The reasons why a consumer does not work fully, by what is failing. Its check shows the first few. */
export type FailingReasons = {
  /** @param reason undefined when it works again */
  readonly report: (about: string, reason: string | undefined) => void;
};

export function createFailingReasons(check: Check): FailingReasons {
  const reasons = new Map<string, string>();
  return {
    report: (about, reason) => {
      if (reason === undefined) reasons.delete(about);
      else reasons.set(about, reason);
      const shown = [...new Set(reasons.values())];
      if (shown.length === 0) return check.ok();
      const more = shown.length > MAX_SHOWN ? `; and ${shown.length - MAX_SHOWN} more` : "";
      check.failing(shown.slice(0, MAX_SHOWN).join("; ") + more);
    },
  };
}
