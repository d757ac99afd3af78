import { setting } from "@fiberstream/runtime/settings";
import { fileProblem } from "@fiberstream/runtime/tls-files";
import { z } from "zod";

/** The settings of every process that connects to the database. */
export const postgresSettings = () => ({
  databaseUrl: setting(
    "DATABASE_URL",
    z
      .string()
      .superRefine((url, context) => {
        const message = urlProblem(url);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      })
      .default("postgresql://postgres:postgres@localhost:5432/fiberstack"),
    "address of the TimescaleDB database, postgresql://user:password@host:port/database, with TLS ?sslmode=verify-full&sslrootcert=<file>",
  ),
});

/** The parameters are libpq's; those that this client does not support are rejected instead of ignored. */
function urlProblem(text: string): string | undefined {
  if (SEVERAL_HOSTS.test(text)) return ONE_HOST;
  if (!URL.canParse(text)) return "must be postgresql://user:password@host:port/database";
  const { protocol, searchParams } = new URL(text);
  if (protocol !== "postgresql:" && protocol !== "postgres:") {
    return "must begin with postgresql://";
  }
  if (searchParams.getAll("host").some((host) => host.includes(","))) return ONE_HOST;
  const session = searchParams.get("target_session_attrs");
  if (session !== null && !WRITABLE.has(session)) {
    return `target_session_attrs=${session} is not supported: a connection that reads and writes needs read-write`;
  }
  return tlsProblem(searchParams);
}

/** libpq accepts a list of hosts; for those, the URL parser would only say that it is not a URL. */
const SEVERAL_HOSTS = /^[a-z]+:\/\/(?:[^/?#]*@)?[^/?#@]*,/;
const ONE_HOST =
  "must have one host: let a DNS name or a proxy lead to the server that accepts writes";
/** A connection to a read-only server is closed at the first write in any case. */
const WRITABLE: ReadonlySet<string> = new Set(["any", "read-write", "primary"]);

/** The files are read again for each connection. */
function tlsProblem(parameters: URLSearchParams): string | undefined {
  const mode = parameters.get("sslmode");
  if (mode !== null && mode !== "disable" && mode !== "verify-full") {
    return `sslmode=${mode} does not verify the server; use verify-full, or disable`;
  }
  if (parameters.has("sslcert") !== parameters.has("sslkey")) {
    return "sslcert and sslkey must be set together, and one is missing";
  }
  const files = ["sslrootcert", "sslcert", "sslkey"].filter((name) => parameters.has(name));
  if (files.length > 0 && mode !== "verify-full") return `${files[0]} needs sslmode=verify-full`;
  return files
    .map((name) => fileProblem(name, parameters.get(name) ?? undefined))
    .find((problem) => problem !== undefined);
}
