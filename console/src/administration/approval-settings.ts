import { FatalError } from "@fiberstream/runtime/errors";
import { z } from "zod";

/** What may need the approval of a second person: what cannot be undone. */
export const APPROVAL_ACTIONS = ["keys", "admins", "retention", "redrive"] as const;
export type ApprovalAction = (typeof APPROVAL_ACTIONS)[number];

/** Which changes wait for a second person. */
export type ApprovalRules = {
  readonly actions: ReadonlySet<ApprovalAction>;
  /** A redrive of at most so many dead letters needs none. */
  readonly redriveOver: number;
};

/** `off`, `on` for all, or a list of them. */
export const approvalActions = z
  .string()
  .transform((text, context): ReadonlySet<ApprovalAction> => {
    if (text === "off") return new Set();
    if (text === "on") return new Set(APPROVAL_ACTIONS);
    const names = text.split(",").map((name) => name.trim());
    const parsed = z.array(z.enum(APPROVAL_ACTIONS)).min(1).safeParse(names);
    if (parsed.success) return new Set(parsed.data);
    context.addIssue({
      code: "custom",
      message: `must be off, on, or a list of ${APPROVAL_ACTIONS.join(", ")}`,
    });
    return z.NEVER;
  });

/** @throws {FatalError} with AUTH_MODE=open, where nobody is another person */
export function approvalRulesOf(config: {
  readonly authMode: "keys" | "open";
  readonly approvals: ReadonlySet<ApprovalAction>;
  readonly approvalsRedriveOver: number;
}): ApprovalRules {
  if (config.authMode === "open" && config.approvals.size > 0) {
    throw new FatalError(
      "APPROVALS needs a second person, and with AUTH_MODE=open all are one",
      "Set AUTH_MODE=keys, or APPROVALS=off",
    );
  }
  return { actions: config.approvals, redriveOver: config.approvalsRedriveOver };
}
