import { Refusal } from "../answers/refusal.ts";
import type { GroupGrant, GroupGrants } from "./grants-file.ts";

/** As many as a person may have. */
const MAX_GRANTS = 100;
/** Providers send at most a few hundred. */
const MAX_GROUPS = 5_000;

/**
 * Returns the grants of the groups that a claim names, each once. A claim is a list of names, or one name.
 * @throws {Refusal} SIGN_IN_REFUSED when there are more than a person may have: leaving some out would be a guess
 */
export function grantsOf(
  groups: readonly string[],
  { everybody, groups: grantsOfGroup }: GroupGrants,
): readonly GroupGrant[] {
  const grants = new Map<string, GroupGrant>();
  const all = [
    ...everybody,
    // Own members only: a group may be called "constructor".
    ...groups.flatMap((group) =>
      Object.hasOwn(grantsOfGroup, group) ? (grantsOfGroup[group] ?? []) : [],
    ),
  ];
  for (const grant of all)
    grants.set(JSON.stringify([grant.role, grant.tenant, grant.nodes]), grant);
  if (grants.size <= MAX_GRANTS) return Array.from(grants.values());
  throw new Refusal(
    "SIGN_IN_REFUSED",
    `your groups give ${grants.size} grants, and a person may have ${MAX_GRANTS}: ask an admin for a group that has them in one`,
  );
}

/**
 * Returns the names in a claim; none if it is not there.
 * @throws {Refusal} SIGN_IN_REFUSED for a claim of another form
 */
export function groupsIn(claim: unknown): readonly string[] {
  if (claim === undefined || claim === null) return [];
  const list: unknown[] = Array.isArray(claim) ? claim : [claim];
  if (list.length <= MAX_GROUPS && list.every((name) => typeof name === "string")) return list;
  throw new Refusal(
    "SIGN_IN_REFUSED",
    "the provider's claim about groups is not a list of at most 5,000 names: check OIDC_GROUPS_CLAIM and the provider's mapping",
  );
}
