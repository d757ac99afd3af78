import type { Writable } from "node:stream";
import { z } from "zod";
import type { Asker } from "../../access/reader.ts";
import { isEverything, NOTHING, type TenantScope } from "../../access/scope.ts";
import type { Turns } from "../../access/turns.ts";
import type { StreamedAnswer } from "../../answers/answer.ts";
import type { AnswerMemory } from "../../answers/answer-memory.ts";
import { Refusal } from "../../answers/refusal.ts";
import { type LiveParts, type Part, PART_PERMISSIONS, PARTS } from "../../live/live.ts";
import type { Watch } from "../../live/watch.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";
import { sendStates } from "./send-states.ts";

export type Live = {
  readonly parts: LiveParts;
  readonly watches: Readonly<Record<Part, Watch>>;
  /** Limits how many streams there are. */
  readonly turns: Turns;
  readonly memory: AnswerMemory;
  /** @returns a function that counts the end of the stream */
  readonly countStream: () => () => void;
  readonly stopping: AbortSignal;
};

const partList = z
  .string()
  .max(100)
  .default("nodes")
  .transform((text, context): Part[] => {
    const named = new Set(text.split(",").map((name) => name.trim()));
    const parts = PARTS.filter((part) => named.delete(part));
    if (named.size === 0) return parts;
    context.addIssue({ code: "custom", message: `must be a list of: ${PARTS.join(", ")}` });
    return z.NEVER;
  })
  .describe(
    `What to stream, with commas between: ${PARTS.join(", ")}. pipeline: for keys of all tenants.`,
  );

/** `GET /api/v1/stream`: the newest states of nodes, alerts, the pipeline and jobs, as server-sent events. */
export const streamRoute = ({ parts, watches, turns, memory, countStream, stopping }: Live) =>
  route({
    method: "GET",
    path: "/api/v1/stream",
    operationId: "stream",
    summary:
      "Streams the newest states of nodes, alerts, the pipeline and jobs as server-sent events",
    description:
      "First all that there is: the event snapshot with all nodes in columns, as of nodes/latest; alerts and jobs with is_whole true; pipeline, as of its route. Then what has changed: nodes in columns; alerts and jobs with is_whole false; pipeline. A reader that was away for a while sends Last-Event-ID, as browsers do, and gets what has changed since, once; a slow reader gets the newest state of each only. The stream ends after 5 minutes, and browsers connect again.",
    permission: "nodes:read",
    cost: 10,
    isStreamed: true,
    schemas: {
      path: nothing,
      query: z.strictObject({ include: partList }),
      headers: z.object({ "last-event-id": z.string().max(100).optional() }),
    },
    success: {
      status: 200,
      contentTypes: ["text/event-stream"],
      name: "Stream",
      schema: z.string(),
    },
    codes: ["NOT_ALLOWED"],
    answer: async ({ headers, query: { include } }, asker): Promise<StreamedAnswer> => {
      const scopes = scopesOf(include, asker);
      if (include.includes("pipeline") && !isEverything(scopes.pipeline)) {
        throw new Refusal(
          "NOT_ALLOWED",
          "the pipeline is common to all tenants: leave it out of include, or use a key of all tenants",
        );
      }
      const ends = [await turns.take(asker.id)];
      const endAll = () => {
        for (const end of ends) end();
      };
      try {
        for (const part of include) ends.push(await watches[part].look());
      } catch (error) {
        endAll();
        throw error;
      }
      ends.push(countStream());
      const since = headers["last-event-id"];
      return {
        status: 200,
        contentType: "text/event-stream",
        stream: (out: Writable) =>
          sendStates(out, {
            parts,
            include,
            scopes,
            stopping,
            hold: () => memory.hold(asker.id),
            since,
          }).finally(endAll),
      };
    },
  });

/** @throws {Refusal} NOT_ALLOWED */
function scopesOf(include: readonly Part[], asker: Asker): Record<Part, TenantScope> {
  const scopes = { nodes: NOTHING, alerts: NOTHING, pipeline: NOTHING, jobs: NOTHING };
  for (const part of include) {
    const permission = PART_PERMISSIONS[part];
    const scope = asker.scopeOf(permission);
    if (scope === undefined) {
      throw new Refusal(
        "NOT_ALLOWED",
        `${part}: it needs the permission ${permission}: leave it out of include`,
      );
    }
    scopes[part] = scope;
  }
  return scopes;
}
