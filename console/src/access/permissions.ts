export const ROLES = ["viewer", "operator", "admin", "auditor"] as const;
export type Role = (typeof ROLES)[number];

const OPERATORS = ["operator", "admin"] as const;
const ADMINS = ["admin"] as const;
const AUDITORS = ["admin", "auditor"] as const;

/**
 * Which roles have which permission. The checks of requests, `x-permission` in the OpenAPI document, what `/api/v1/auth/me` says and
 * the table in docs/access.md are made from this one.
 */
export const ROLES_WITH = {
  "metrics:read": ROLES,
  "nodes:read": ROLES,
  "alerts:read": ROLES,
  "pipeline:read": ROLES,
  "topics:read": ROLES,
  "nodes:create": OPERATORS,
  "nodes:update": OPERATORS,
  "alerts:acknowledge": OPERATORS,
  "notes:write": OPERATORS,
  "deadletters:read": OPERATORS,
  "deadletters:redrive": OPERATORS,
  "jobs:cancel": OPERATORS,
  "breaker:reset": OPERATORS,
  "nodes:delete": ADMINS,
  "keys:read": ADMINS,
  "keys:write": ADMINS,
  "users:read": ADMINS,
  "users:write": ADMINS,
  "grants:write": ADMINS,
  "sessions:revoke": ADMINS,
  "retention:write": ADMINS,
  "approvals:decide": ADMINS,
  "audit:read": AUDITORS,
  "audit:verify": AUDITORS,
} as const satisfies Record<string, readonly Role[]>;

/** What a grant can allow. */
export type Granted = keyof typeof ROLES_WITH;

export const PERMISSIONS = Object.keys(ROLES_WITH) as readonly Granted[];

/**
 * What a route asks for. self: a person who has signed in, whatever is granted to them: it is about their own account. anyone: nobody
 * has to have signed in, as for signing in.
 */
export type Permission = Granted | "self" | "anyone";

export const hasPermission = (role: Role, permission: Granted): boolean =>
  ROLES_WITH[permission].some((each) => each === role);
