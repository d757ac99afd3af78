import type { TenantScope } from "../questions/statement.ts";

/** What a reader may do: ask, and with further rights change nodes, and send dead letters back. */
export type Right = "read" | "nodes" | "redrive";

/** Who asks, and what they may see and do. */
export type Reader = {
  /** Names its rate limit: a key's id, or "open". */
  readonly id: string;
  readonly scope: TenantScope;
  readonly rights: ReadonlySet<Right>;
  /** Undefined: the limit of the settings. */
  readonly limit?: { readonly ratePerSecond: number; readonly burst: number };
};

/** The one reader of AUTH_MODE=open. */
export const OPEN_READER: Reader = {
  id: "open",
  scope: { tenants: "all" },
  rights: new Set(["read", "nodes", "redrive"]),
};
