import type { PgClient } from "@fiberstream/postgres/pool";
import type { Granted } from "../access/permissions.ts";
import type { Asker } from "../access/reader.ts";
import { type Answer, jsonAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import {
  type Checked,
  checkedBy,
  type Given,
  type Route,
  route,
  type Schemas,
} from "../routes/route.ts";
import type { ApprovalAction, ApprovalRules } from "./approval-settings.ts";
import { insertApproval } from "./approval-table.ts";
import type { ChangeAs } from "./change-as.ts";

/** What a second person has to approve, and whose data it is about. */
export type ApprovalNeed = {
  readonly action: ApprovalAction;
  /** null: the platform's, or of several tenants. */
  readonly tenant: string | null;
};

/** A change as its approval makes it. */
export type Operation = {
  readonly permission: Granted;
  /** Whether it is for the tenant of its need alone, also when the request does not name it. */
  readonly isOfOneTenant: boolean;
  /** Makes the change in a transaction that has begun. */
  readonly make: (client: PgClient, given: Given, asker: Asker) => Promise<Answer>;
  /** Called when the change is committed. */
  readonly committed: () => void;
};

type Declared<S extends Schemas> = Omit<Route, "check" | "schemas" | "permission"> & {
  readonly schemas: S;
  readonly permission: Granted;
  /** Makes the change, or throws why it cannot be made. */
  readonly change: (client: PgClient, checked: Checked<S>, asker: Asker) => Promise<Answer>;
  /** Returns what has to be approved first, before the change; undefined: nothing. */
  readonly need?: (
    client: PgClient,
    checked: Checked<S>,
    asker: Asker,
  ) => Promise<ApprovalNeed | undefined> | ApprovalNeed | undefined;
  readonly isOfOneTenant?: boolean;
  readonly committed?: () => void;
};

/** Makes routes that change something: in one transaction with its audit entries, or when a second person has approved it. */
export type ChangeRoutes = {
  readonly route: <S extends Schemas>(declared: Declared<S>) => Route;
  /** By the operationId of their routes. */
  readonly operations: ReadonlyMap<string, Operation>;
};

export function createChangeRoutes(options: {
  changeAs: ChangeAs;
  rules: ApprovalRules;
}): ChangeRoutes {
  const { changeAs, rules } = options;
  const operations = new Map<string, Operation>();

  return {
    operations,
    route: ({ change, need, isOfOneTenant = false, committed = () => undefined, ...declared }) => {
      const { operationId, permission, schemas, description } = declared;
      const make = async (client: PgClient, checked: Checked<typeof schemas>, asker: Asker) => {
        const needed = await need?.(client, checked, asker);
        const answer = await change(client, checked, asker);
        if (needed !== undefined && rules.actions.has(needed.action)) throw new Needed(needed);
        return answer;
      };
      operations.set(operationId, {
        permission,
        isOfOneTenant,
        make: (client, given, asker) => change(client, checkedBy(schemas, given), asker),
        committed,
      });
      return route({
        ...declared,
        ...(need !== undefined && { description: `${description ?? ""}${WITH_APPROVALS}`.trim() }),
        codes: [
          ...declared.codes,
          ...(need === undefined ? [] : (["TOO_MANY_APPROVALS"] as const)),
        ],
        answer: async (checked, asker) => {
          try {
            const answer = await changeAs(asker, (client) => make(client, checked, asker));
            committed();
            return answer;
          } catch (error) {
            if (!(error instanceof Needed)) throw error;
            return askForApproval(changeAs, asker, { operationId, checked, need: error.need });
          }
        },
      });
    },
  };
}

const WITH_APPROVALS =
  " Where APPROVALS asks for a second person, the answer is 202 with the address of what waits for approval, and nothing is changed yet.";

/** Rolls the change back that was made to find out whether it can be made. */
class Needed extends Error {
  readonly need: ApprovalNeed;

  constructor(need: ApprovalNeed) {
    super("needs approval");
    this.need = need;
  }
}

/** @throws {Refusal} NOT_ALLOWED, TOO_MANY_APPROVALS */
async function askForApproval(
  changeAs: ChangeAs,
  asker: Asker,
  { operationId, checked, need }: { operationId: string; checked: object; need: ApprovalNeed },
): Promise<Answer> {
  const { userId } = asker;
  // A key has no person behind it, so nobody could say whether the second person is another one.
  if (userId === undefined) {
    throw new Refusal(
      "NOT_ALLOWED",
      "this needs the approval of a second person, which a key cannot ask for: sign in, or use a personal token",
    );
  }
  const approval = await changeAs(asker, (client) =>
    insertApproval(client, {
      operation: operationId,
      tenant: need.tenant,
      requestedBy: userId,
      request: JSON.stringify(checked),
    }),
  );
  return jsonAnswer(
    202,
    { data: approval },
    { Location: `/api/v1/approvals/${approval.approval_id}` },
  );
}
