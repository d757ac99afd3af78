import { hash, randomBytes } from "node:crypto";
import type { PgPool } from "@fiberstream/postgres/pool";
import { createPasswords } from "../access/sign-in/passwords.ts";
import type { Grant } from "../access/reader.ts";
import type { TestConsole } from "./console-fixture.ts";

const passwords = createPasswords();

export const PASSWORD = "a long enough secret";

/** Creates a local user, perhaps with grants. @returns the user id */
export async function createPerson(
  pool: PgPool,
  name: string,
  grants: readonly Partial<Grant>[] = [],
  password: string | null = PASSWORD,
): Promise<string> {
  const written =
    password === null ? null : await passwords.inTurn("test", (scrypt) => scrypt.hash(password));
  const { rows } = await pool.query<{ user_id: string }>(
    "INSERT INTO users (kind, name, password_hash) VALUES ('local', $1, $2) RETURNING user_id",
    [name, written],
  );
  const userId = rows[0]?.user_id ?? "";
  for (const { role = "viewer", tenant = "*", nodes = "*" } of grants) {
    await grant(pool, userId, { role, tenant, nodes });
  }
  return userId;
}

export const grant = (pool: PgPool, userId: string, { role, tenant, nodes }: Grant) =>
  pool.query("INSERT INTO grants (user_id, role, tenant, node_pattern) VALUES ($1, $2, $3, $4)", [
    userId,
    role,
    tenant,
    nodes,
  ]);

/** Makes a one-time link. @returns its token */
export async function createLink(pool: PgPool, userId: string, minutes = 10): Promise<string> {
  const token = randomBytes(32).toString("base64url");
  await pool.query(
    "INSERT INTO one_time_links (link_sha256, user_id, expires_at) VALUES ($1, $2, now() + $3 * interval '1 min')",
    [hash("sha256", token, "buffer"), userId, minutes],
  );
  return token;
}

export type Browser = ReturnType<typeof createBrowser>;

/** A browser of one person: it keeps cookies, and says where its requests come from. */
export function createBrowser({ service }: Pick<TestConsole, "service">) {
  const cookies = new Map<string, string>();
  let last: readonly string[] = [];

  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (!headers.has("cookie")) {
      headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    }
    const isChange = init.method !== undefined && init.method !== "GET";
    if (isChange && !headers.has("origin")) headers.set("origin", service.url);
    const response = await fetch(`${service.url}${path}`, { ...init, headers });
    last = response.headers.getSetCookie();
    for (const cookie of last) {
      const [pair = ""] = cookie.split(";");
      const [name = "", value = ""] = pair.split("=");
      if (cookie.includes("Max-Age=0")) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  const send = (method: string, path: string, body?: unknown) =>
    ask(path, {
      method,
      ...(body !== undefined && {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
  return {
    cookies,
    /** Set-Cookie headers of the last answer. */
    lastCookies: () => last,
    ask,
    send,
    signIn: (name: string, password = PASSWORD, code?: string) =>
      send("POST", "/api/v1/auth/sign-in", { name, password, ...(code !== undefined && { code }) }),
  };
}

/** The status and the code of a problem, or the status alone. */
export async function outcomeOf(response: Response | Promise<Response>): Promise<string> {
  const answer = await response;
  const body = (await answer.json()) as { code?: string };
  return body.code === undefined ? String(answer.status) : `${answer.status} ${body.code}`;
}

export type Entry = {
  action: string;
  actor_kind: string;
  actor: string;
  object: string;
  outcome: string;
  reason: string | null;
  after: Record<string, unknown> | null;
};

/** The entries of the audit log about an object, the oldest first. */
export const entriesOf = async (pool: PgPool, object: string): Promise<Entry[]> =>
  (
    await pool.query<Entry>(
      "SELECT action, actor_kind, actor, object, outcome, reason, after FROM audit_log WHERE object LIKE $1 ORDER BY seq",
      [`${object}%`],
    )
  ).rows;
