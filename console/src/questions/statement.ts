import pg from "pg";

/** The tenants whose data a question may see. */
export type TenantScope = { readonly tenants: "all" | readonly string[] };

export type Statement = { readonly text: string; readonly values: readonly unknown[] };

/** What the text of a statement is built with. */
type Parts = {
  /** Keeps a value for the statement, and returns its placeholder. */
  readonly value: (value: unknown) => string;
  /** Returns the condition that a row belongs to one of the tenants: `column` is an expression for the row's tenant. */
  readonly ofTenants: (column: string) => string;
};

/**
 * Makes the SQL of a question. All questions are made here, so that none can leave out its tenants.
 *
 * @param build returns the text; it has to use `ofTenants`
 * @throws {Error} when it did not
 */
export function statement(scope: TenantScope, build: (parts: Parts) => string): Statement {
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  let isBound = false;
  const ofTenants = (column: string) => {
    isBound = true;
    return scope.tenants === "all" ? "true" : `${column} = ANY (${value(scope.tenants)}::text[])`;
  };
  const text = build({ value, ofTenants });
  if (!isBound) throw new Error("a statement does not say whose data it reads");
  return { text, values };
}

/**
 * Makes the SQL of a question for COPY, which takes no parameters: the values are in the text, as literals.
 * @throws {Error} as `statement` does
 */
export function literalStatement(scope: TenantScope, build: (parts: Parts) => string): string {
  let isBound = false;
  const ofTenants = (column: string) => {
    isBound = true;
    if (scope.tenants === "all") return "true";
    return `${column} IN (${["NULL", ...scope.tenants.map((tenant) => pg.escapeLiteral(tenant))].join()})`;
  };
  const text = build({ value: literal, ofTenants });
  if (!isBound) throw new Error("a statement does not say whose data it reads");
  return text;
}

/** A literal of unknown type, as a parameter is. */
function literal(value: unknown): string {
  if (value instanceof Date) return pg.escapeLiteral(value.toISOString());
  if (typeof value === "string" || typeof value === "number")
    return pg.escapeLiteral(String(value));
  throw new TypeError(`a ${typeof value} cannot be a literal`);
}

/**
 * Makes the SQL of a question about the platform itself, such as the offsets of its topics: only for readers of all
 * tenants.
 * @returns undefined for others
 */
export function platformStatement(
  scope: TenantScope,
  build: (parts: Pick<Parts, "value">) => string,
): Statement | undefined {
  if (scope.tenants !== "all") return undefined;
  return statement(scope, ({ value, ofTenants }) => {
    ofTenants("");
    return build({ value });
  });
}

/** Returns a time as text in ISO 8601 with microseconds, in UTC. */
export const isoText = (time: string): string =>
  `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
