import { Refusal } from "../answers/refusal.ts";
import type { Granted, Permission } from "./permissions.ts";
import type { Reader } from "./reader.ts";
import { NOTHING, type TenantScope } from "./scope.ts";

/**
 * Returns whose data a reader may see or change by a permission.
 * @throws {Refusal} NOT_ALLOWED when the reader does not have the permission
 */
export function scopeAt(permission: Permission, reader: Reader): TenantScope {
  if (permission === "anyone") return NOTHING;
  if (permission === "self") {
    if (reader.userId !== undefined) return NOTHING;
    throw new Refusal("NOT_ALLOWED", "this is for people who have signed in");
  }
  const scope = reader.scopeOf(permission);
  if (scope !== undefined) return scope;
  throw new Refusal("NOT_ALLOWED", ADVICE[reader.kind](permission));
}

const ADVICE: Readonly<Record<Reader["kind"], (permission: Granted) => string>> = {
  open: (permission) => `with AUTH_MODE=open nobody has the permission ${permission}: sign in`,
  key: (permission) => {
    const option = OPTIONS[permission];
    return option === undefined
      ? `no reader key has the permission ${permission}: sign in, or use a personal token`
      : `this key may not do this: make one with \`fiber readers create ${option}\``;
  },
  user: (permission) => `you do not have the permission ${permission}: an admin can grant it`,
  token: (permission) =>
    `this token does not have the permission ${permission}: its owner does not have it, or has left it out`,
  anyone: () => "sign in first",
};

const OPTIONS: Partial<Record<Granted, string>> = {
  "nodes:create": "--may-change-nodes",
  "nodes:update": "--may-change-nodes",
  "nodes:delete": "--may-change-nodes",
  "deadletters:redrive": "--may-redrive",
  "jobs:cancel": "--may-redrive",
};
