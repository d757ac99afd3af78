import { z } from "zod";

/** The kinds of the view `changes`, by their groups. */
const KINDS = {
  alert: ["opened", "resolved"],
  node: ["registered", "changed", "deleted", "silent", "reporting"],
  key: ["created", "revoked", "expired"],
  reader_key: ["created", "revoked", "expired"],
  service: ["version"],
  breaker: ["opened", "closed"],
  import: ["started", "finished"],
  erasure: ["requested", "finished"],
  reconciliation: ["differs", "gap"],
} as const;

/** What a question may name: a group stands for all of its kinds. */
const NAMES = new Map<string, readonly string[]>();
for (const [group, names] of Object.entries(KINDS)) {
  const kinds = names.map((name) => `${group}.${name}`);
  NAMES.set(group, kinds);
  for (const kind of kinds) NAMES.set(kind, [kind]);
}

const ANY_NAME = [...NAMES.keys()].join("|").replaceAll(".", "\\.");

/** A list of kinds and groups with commas between them; returns the kinds in order. */
export const kindList = z
  .string()
  .max(500)
  .transform((text, context) => {
    const kinds = text.split(",").map((name) => NAMES.get(name.trim()));
    if (!kinds.includes(undefined)) return [...new Set(kinds.flatMap((of) => of ?? []))].toSorted();
    context.addIssue({
      code: "custom",
      message: `must be a list of: ${[...NAMES.keys()].join(", ")}`,
    });
    return z.NEVER;
  })
  .meta({
    pattern: `^(${ANY_NAME})(,(${ANY_NAME}))*$`,
    description: `Kinds or groups, with commas between them: ${Object.entries(KINDS)
      .map(([group, names]) => `${group} (${group}.${names.join(`, ${group}.`)})`)
      .join("; ")}.`,
  });
