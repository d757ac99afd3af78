import type { Grant } from "./reader.ts";

/** A person as sessions and tokens are read with. */
export type PersonRow = {
  readonly user_id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
};

/** The columns of {@link PersonRow} of `users`. */
export const PERSON_COLUMNS = `
  users.user_id, users.name,
  (SELECT coalesce(json_agg(json_build_object('role', role, 'tenant', tenant, 'nodes', node_pattern)), '[]')
   FROM grants WHERE grants.user_id = users.user_id) AS grants`;
