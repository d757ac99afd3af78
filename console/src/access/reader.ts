import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Actor } from "@fiberstream/postgres/acting";
import { type Granted, hasPermission, PERMISSIONS, type Role } from "./permissions.ts";
import { EVERYTHING, scopeOf, type ScopeGrant, type TenantScope } from "./scope.ts";

/** What was granted to a person: a role, in a tenant or all, for nodes by a pattern. */
export type Grant = ScopeGrant & { readonly role: Role };

/** What may be seen or changed by which permission. */
export type Rights = ReadonlyMap<Granted, TenantScope>;

/** Who asks, and what they may see and do. */
export type Reader = {
  /** Names its rate limit: "open", or the id of the key, user, token or address. */
  readonly id: string;
  /** As the audit log names it; without the request. */
  readonly actor: Actor;
  /** user: a person with a session; token: a script of a person; anyone: nobody has signed in. */
  readonly kind: "open" | "key" | "user" | "token" | "anyone";
  /** Of the kinds user and token. */
  readonly userId?: string;
  /** Of the kind user. */
  readonly sessionId?: string;
  /** Returns whose data the permission is for; undefined: the reader does not have it. */
  readonly scopeOf: (permission: Granted) => TenantScope | undefined;
  /** Digest of all of that: readers with equal ones get equal answers. */
  readonly rights: string;
  /** Undefined: the limit of the settings. */
  readonly limit?: { readonly ratePerSecond: number; readonly burst: number };
};

/** The request of a reader, for what is more than a question: signing in, and what is logged. */
export type From = {
  readonly address: string;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
};

/** A reader at a route: `scope` is that of the route's permission. */
export type Asker = Reader & { readonly scope: TenantScope; readonly from: From };

/** Completes a reader with its rights. */
export const readerOf = (who: Omit<Reader, "scopeOf" | "rights">, rights: Rights): Reader => ({
  ...who,
  scopeOf: (permission) => rights.get(permission),
  // A text of 100 grants for each permission would be 100 KB.
  rights: hash("sha256", JSON.stringify([...rights]), "base64url"),
});

/** Returns what grants allow together. */
export function rightsOf(grants: readonly Grant[]): Rights {
  const rights = new Map<Granted, TenantScope>();
  for (const permission of PERMISSIONS) {
    const scopes = grants.filter(({ role }) => hasPermission(role, permission));
    if (scopes.length > 0) rights.set(permission, scopeOf(scopes));
  }
  return rights;
}

/** Returns the rights of a reader that has permissions instead of roles, all of them in one scope. */
export const rightsIn = (scope: TenantScope, permissions: readonly Granted[]): Rights =>
  new Map(permissions.map((permission) => [permission, scope]));

/** What every reader key may do, and what keys may do that were created with more. */
const OF_KEYS = {
  read: [
    "metrics:read",
    "nodes:read",
    "alerts:read",
    "pipeline:read",
    "topics:read",
    "deadletters:read",
  ],
  nodes: ["nodes:create", "nodes:update", "nodes:delete"],
  redrive: ["deadletters:redrive", "jobs:cancel"],
} as const satisfies Record<string, readonly Granted[]>;

/** Returns the permissions of a reader key. */
export const permissionsOfKey = (may: { changeNodes: boolean; redrive: boolean }): Granted[] => [
  ...OF_KEYS.read,
  ...(may.changeNodes ? OF_KEYS.nodes : []),
  ...(may.redrive ? OF_KEYS.redrive : []),
];

/** The one reader of AUTH_MODE=open: it may do what a reader key may do. Users, keys and the audit log are for those who sign in. */
export const OPEN_READER: Reader = readerOf(
  { id: "open", kind: "open", actor: { kind: "anonymous", id: "open" } },
  rightsIn(EVERYTHING, permissionsOfKey({ changeNodes: true, redrive: true })),
);

/** Whoever asks a route that is for everybody. */
export const anyoneAt = (address: string): Reader =>
  readerOf(
    { id: `anyone ${address}`, kind: "anyone", actor: { kind: "anonymous", id: "anyone" } },
    new Map(),
  );
