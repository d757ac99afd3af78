import { z } from "zod";
import { nodeId, shortText } from "../routes/parameters.ts";
import { isOfWholeTenants, type TenantScope } from "../access/scope.ts";
import type { Level } from "./rollup-rows.ts";

/** How many nodes one question may name. */
const MAX_NODES = 100;

/** Query parameters that choose the events of a question. */
export const filterParameters = {
  node: z
    .string()
    .max(MAX_NODES * 51)
    .transform((text) => text.split(","))
    .pipe(z.array(nodeId).max(MAX_NODES))
    .optional()
    .meta({
      pattern: `^[^,\\u0000]{1,50}(,[^,\\u0000]{1,50}){0,${MAX_NODES - 1}}$`,
      description: "One node, or several separated by commas.",
    }),
  country: shortText(2).optional(),
  region: shortText(100).optional(),
  tenant: shortText(63).optional(),
  probe_type: shortText(50).optional(),
  target_host: shortText(255).optional(),
};

export type Filter = {
  readonly node?: readonly string[] | undefined;
  readonly country?: string | undefined;
  readonly region?: string | undefined;
  readonly tenant?: string | undefined;
  readonly probe_type?: string | undefined;
  readonly target_host?: string | undefined;
};

/** The smallest level that has what the filter and the scope compare. */
export const levelOf = (
  { node, probe_type: type, target_host: host }: Filter,
  scope: TenantScope,
): Level =>
  node === undefined && type === undefined && host === undefined && isOfWholeTenants(scope)
    ? "region"
    : "series";

export function filterConditions(
  { node, ...texts }: Filter,
  value: (value: unknown) => string,
): string[] {
  const equal = Object.entries(texts)
    .filter(([name, text]) => text !== undefined && COLUMNS.has(name))
    .map(([name, text]) => `${name} = ${value(text)}`);
  return node === undefined ? equal : [`node_id = ANY (${value(node)}::text[])`, ...equal];
}

const COLUMNS = new Set(["country", "region", "tenant", "probe_type", "target_host"]);
