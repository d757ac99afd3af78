import { setting } from "@fiberstream/runtime/settings";
import { fileProblem } from "@fiberstream/runtime/tls-files";
import { z } from "zod";

/** The settings of everything that talks to the database. */
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

/** The parameters are libpq's; what of them this client does not do is refused instead of passed over. */
function urlProblem(text: string): string | undefined {
  if (SEVERAL_HOSTS.test(text)) return ONE_HOST;
  if (!URL.canParse(text)) return "takes postgresql://user:password@host:port/database";
  const { protocol, searchParams } = new URL(text);
  if (protocol !== "postgresql:" && protocol !== "postgres:") {
    return "takes an address that begins with postgresql://";
  }
  if (searchParams.getAll("host").some((host) => host.includes(","))) return ONE_HOST;
  const session = searchParams.get("target_session_attrs");
  if (session !== null && !WRITABLE.has(session)) {
    return `target_session_attrs=${session} is not taken: what reads and writes needs read-write`;
  }
  return tlsProblem(searchParams);
}

/** Of a list of hosts, which libpq takes, the standard's parser only says that it is no URL. */
const SEVERAL_HOSTS = /^[a-z]+:\/\/(?:[^/?#]*@)?[^/?#@]*,/;
const ONE_HOST = "takes one host: let a name or a proxy lead to the server that takes writes";
/** A connection to a server that takes no writes is given up at the first of them, whatever is asked for. */
const WRITABLE: ReadonlySet<string> = new Set(["any", "read-write", "primary"]);

/** The files are read anew for each connection. */
function tlsProblem(parameters: URLSearchParams): string | undefined {
  const mode = parameters.get("sslmode");
  if (mode !== null && mode !== "disable" && mode !== "verify-full") {
    return `sslmode=${mode} does not make sure who answers; takes verify-full, or disable`;
  }
  if (parameters.has("sslcert") !== parameters.has("sslkey")) {
    return "sslcert and sslkey belong together, one is missing";
  }
  const files = ["sslrootcert", "sslcert", "sslkey"].filter((name) => parameters.has(name));
  if (files.length > 0 && mode !== "verify-full") return `${files[0]} needs sslmode=verify-full`;
  return files
    .map((name) => fileProblem(name, parameters.get(name) ?? undefined))
    .find((problem) => problem !== undefined);
}
