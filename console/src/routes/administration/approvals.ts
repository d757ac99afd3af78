import { grantsOf } from "@fiberstream/access/grant-table";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import type { Granted } from "../../access/permissions.ts";
import { type Asker, type Rights, rightsOf } from "../../access/reader.ts";
import { bothOf, NOTHING, type TenantScope } from "../../access/scope.ts";
import { scopeAt } from "../../access/scope-at.ts";
import { covers, extentOf } from "../../administration/administers.ts";
import {
  type Approval,
  APPROVAL_FIELDS,
  APPROVAL_STATES,
  approvalSchema,
  decideApproval,
  lockApproval,
} from "../../administration/approval-table.ts";
import type { ChangeAs } from "../../administration/change-as.ts";
import type { Operation } from "../../administration/change-routes.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { ownStatement, statement } from "../../questions/statement.ts";
import { cursorParameter, nothing, wholeNumber } from "../parameters.ts";
import { type Given, type Route, route } from "../route.ts";

type Sources = {
  readonly ask: Ask;
  readonly cursors: Cursors;
  readonly changeAs: ChangeAs;
  readonly operations: ReadonlyMap<string, Operation>;
};

const path = z.strictObject({ approval_id: z.uuid() });
const oneApproval = { name: "Approval", schema: z.object({ data: approvalSchema }) };
const reason = z.string().min(1).max(1_000).optional();

/** `/api/v1/approvals`: what waits for a second person, and its decision. */
export const approvalsRoutes = (sources: Sources): Route[] => [
  listApprovals(sources),
  readApproval(sources),
  approve(sources),
  reject(sources),
  withdraw(sources),
];

const listApprovals = ({ ask, cursors }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/approvals",
    operationId: "listApprovals",
    summary: "Returns what was asked for and needs a second person, the newest first",
    permission: "approvals:decide",
    cost: 1,
    schemas: {
      path: nothing,
      query: z.strictObject({
        state: z.enum(APPROVAL_STATES).optional(),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 100, standard: 20 }),
      }),
    },
    success: {
      status: 200,
      name: "Approvals",
      schema: z.object({
        data: z.array(approvalSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { state, cursor, limit } }, { scope }) => {
      const question = JSON.stringify(["approvals", state]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Approval>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            visible("tenant"),
            ...(state === undefined ? [] : [`state = ${value(state)}`]),
            ...(after === undefined
              ? []
              : [
                  `(sorted, approval_id) < (${value(after[0])}::timestamptz, ${value(after[1])}::uuid)`,
                ]),
          ];
          return `SELECT * FROM (SELECT ${APPROVAL_FIELDS}, approvals.requested_at AS sorted FROM approvals) AS listed
                  WHERE ${conditions.join(" AND ")}
                  ORDER BY sorted DESC, approval_id DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return jsonAnswer(200, {
        data: page.map((row) => approvalSchema.parse(row)),
        meta: {
          next_cursor: isMore
            ? cursors.write(question, [last.requested_at, last.approval_id])
            : null,
        },
      });
    },
  });

const readApproval = ({ ask }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/approvals/{approval_id}",
    operationId: "getApproval",
    summary: "Returns one request for approval: your own, or one that you may decide",
    permission: "self",
    cost: 1,
    schemas: { path, query: nothing },
    success: { status: 200, ...oneApproval },
    codes: ["NO_SUCH_OBJECT"],
    answer: async ({ path: { approval_id: id } }, asker) => {
      const [row] = await ask<Approval>(
        ownStatement(
          ({ value }) =>
            `SELECT ${APPROVAL_FIELDS} FROM approvals WHERE approval_id = ${value(id)}`,
        ),
      );
      const decided = asker.scopeOf("approvals:decide") ?? NOTHING;
      return jsonAnswer(200, { data: seen(row, decided, asker) });
    },
  });

/** @throws {Refusal} NO_SUCH_OBJECT, also for what the asker may not see */
function seen<A extends Approval>(
  approval: A | undefined,
  scope: TenantScope,
  asker: Pick<Asker, "userId"> = {},
): A {
  const isSeen =
    approval !== undefined &&
    (covers(scope, extentOf(approval.tenant)) ||
      (asker.userId !== undefined && approval.requested_by === asker.userId));
  if (isSeen) return approval;
  throw new Refusal("NO_SUCH_OBJECT", "there is no such request for approval");
}

/** @throws {Refusal} WRONG_STATE */
function requireWaiting({ state }: Approval): void {
  if (state === "waiting") return;
  const now =
    state === "expired" ? "has expired: it can be asked for again" : `is ${state} already`;
  throw new Refusal("WRONG_STATE", `the request ${now}`);
}

/** A decision is a person's. */
function personOf({ userId }: Asker): string {
  if (userId !== undefined) return userId;
  throw new Refusal("NOT_ALLOWED", "only a person who has signed in may decide");
}

const approve = ({ changeAs, operations }: Sources) =>
  route({
    method: "POST",
    path: "/api/v1/approvals/{approval_id}/approve",
    operationId: "approveRequest",
    summary: "Approves what somebody else has asked for, and does exactly that",
    description:
      "Who approves needs the permission of the route that was asked, too. request_sha256 is that of the request as it was read. result is what the route itself answers. If the change is no longer possible, the answer says why, and the request still waits.",
    permission: "approvals:decide",
    cost: 5,
    schemas: {
      path,
      query: nothing,
      body: z.strictObject({ request_sha256: z.string().regex(/^[0-9a-f]{64}$/), reason }),
    },
    success: {
      status: 200,
      name: "ApprovedRequest",
      schema: z.object({ data: approvalSchema, result: z.looseObject({}) }),
    },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE", "OWN_REQUEST", "REVISION_CHANGED"],
    answer: async ({ path: { approval_id: id }, body }, asker) => {
      const by = personOf(asker);
      const done = await changeAs(asker, async (client) => {
        const asked = seen(await lockApproval(client, id), asker.scope);
        requireWaiting(asked);
        if (asked.requested_by === by) {
          throw new Refusal("OWN_REQUEST", "nobody approves what they have asked for themselves");
        }
        if (asked.request_sha256 !== body.request_sha256) {
          throw new Refusal("REVISION_CHANGED", "request_sha256 is not that of this request");
        }
        const operation = operations.get(asked.operation);
        if (operation === undefined) {
          throw new Refusal("WRONG_STATE", "this version does not have the route that was asked");
        }
        const requester = await stillAllowed(client, asked, operation.permission);
        const approval = await decideApproval(client, {
          id,
          state: "approved",
          by,
          reason: body.reason,
        });
        const maker = together(requester, asker, { operation, tenant: asked.tenant });
        const given = JSON.parse(asked.request_text) as Given;
        return {
          approval,
          operation,
          answer: await operation.make(client, given, maker),
        };
      });
      done.operation.committed();
      return jsonAnswer(200, {
        data: done.approval,
        result: JSON.parse(done.answer.body.toString()) as unknown,
      });
    },
  });

/**
 * Returns what may be done: no more than both may do, and in the tenant for which it was asked. Who approves may see more tenants,
 * and a request that names none means those of who has asked.
 */
function together(
  requester: Rights,
  approver: Asker,
  { operation, tenant }: { operation: Operation; tenant: string | null },
): Asker {
  const own = scopeAt(operation.permission, approver);
  const scope = bothOf(requester.get(operation.permission) ?? NOTHING, own);
  const isNarrowed = operation.isOfOneTenant && tenant !== null;
  return {
    ...approver,
    scope: isNarrowed ? bothOf(scope, { grants: [extentOf(tenant)] }) : scope,
    scopeOf: (permission) => {
      const [asked, approved] = [requester.get(permission), approver.scopeOf(permission)];
      return asked === undefined || approved === undefined ? undefined : bothOf(asked, approved);
    },
  };
}

/**
 * Returns the rights of who has asked. What somebody has asked for who was disabled since, or lost the permission, is not done.
 * @throws {Refusal} WRONG_STATE
 */
async function stillAllowed(
  client: PgClient,
  asked: Approval,
  permission: Granted,
): Promise<Rights> {
  const [user] = await query<{ disabled_at: Date | null }>(
    client,
    "SELECT disabled_at FROM users WHERE user_id = $1",
    [asked.requested_by],
  );
  const grants = await grantsOf(client, asked.requested_by);
  const rights = rightsOf(
    grants.map(({ role, tenant, node_pattern: nodes }) => ({ role, tenant, nodes })),
  );
  const scope = rights.get(permission) ?? NOTHING;
  const isAllowed = user?.disabled_at === null && covers(scope, extentOf(asked.tenant));
  if (isAllowed) return rights;
  throw new Refusal("WRONG_STATE", "who has asked for it may no longer do it");
}

const reject = ({ changeAs }: Sources) =>
  route({
    method: "POST",
    path: "/api/v1/approvals/{approval_id}/reject",
    operationId: "rejectRequest",
    summary: "Rejects what somebody has asked for",
    permission: "approvals:decide",
    cost: 1,
    schemas: { path, query: nothing, body: z.strictObject({ reason }) },
    success: { status: 200, ...oneApproval },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE", "OWN_REQUEST"],
    answer: async ({ path: { approval_id: id }, body }, asker) => {
      const by = personOf(asker);
      const data = await changeAs(asker, async (client) => {
        const asked = seen(await lockApproval(client, id), asker.scope);
        requireWaiting(asked);
        if (asked.requested_by === by) {
          throw new Refusal("OWN_REQUEST", "withdraw what you have asked for yourself");
        }
        return decideApproval(client, { id, state: "rejected", by, reason: body.reason });
      });
      return jsonAnswer(200, { data });
    },
  });

const withdraw = ({ changeAs }: Sources) =>
  route({
    method: "POST",
    path: "/api/v1/approvals/{approval_id}/withdraw",
    operationId: "withdrawRequest",
    summary: "Withdraws what you have asked for",
    permission: "self",
    cost: 1,
    schemas: { path, query: nothing },
    success: { status: 200, ...oneApproval },
    codes: ["NO_SUCH_OBJECT", "WRONG_STATE"],
    answer: async ({ path: { approval_id: id } }, asker) => {
      const by = personOf(asker);
      const data = await changeAs(asker, async (client) => {
        requireWaiting(seen(await lockApproval(client, id), NOTHING, asker));
        return decideApproval(client, { id, state: "withdrawn", by, reason: undefined });
      });
      return jsonAnswer(200, { data });
    },
  });
