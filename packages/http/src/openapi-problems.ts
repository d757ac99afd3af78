import type { CodeMeaning } from "./codes.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

const text = { type: "string" };

/**
 * Returns the schema of a problem document.
 * @param error the schema of a single fault in `errors`
 */
export const problemSchema = (codes: readonly string[], error: JsonSchema): JsonSchema => ({
  description: "RFC 9457.",
  type: "object",
  required: ["type", "title", "status", "detail", "code", "request_id"],
  properties: {
    type: text,
    title: text,
    status: { type: "integer" },
    detail: { ...text, description: "What was wrong, what is allowed and what to do." },
    code: { enum: codes },
    request_id: text,
    errors: { type: "array", items: error },
  },
});

/**
 * Returns an OpenAPI response for each status of the codes, with the codes in its description.
 * @param more what else the response of a status has
 */
export function problemResponses<Code extends string, More extends object>(
  codes: readonly Code[],
  meanings: Readonly<Record<Code, CodeMeaning>>,
  more: (status: number) => More,
) {
  const byStatus = Map.groupBy(codes, (code) => meanings[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codesOfStatus]) => [
      status,
      {
        description: codesOfStatus.map((code) => `\`${code}\`: ${meanings[code].title}`).join(". "),
        ...more(status),
        content: {
          "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
        },
      },
    ]),
  );
}
