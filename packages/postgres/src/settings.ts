import { setting } from "@fiberstream/runtime/settings";
import { fileProblem } from "@fiberstream/runtime/tls-files";
import { z } from "zod";

/** The settings of everything that talks to the database. */
export const postgresSettings = () => ({
  databaseUrl: setting(
    "DATABASE_URL",
    z
      .url({ protocol: /^postgres(ql)?$/ })
      .superRefine((url, context) => {
        const message = tlsProblem(new URL(url).searchParams);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      })
      .default("postgresql://postgres:postgres@localhost:5432/fiberstack"),
    "address of the TimescaleDB database, postgresql://user:password@host:port/database, with TLS ?sslmode=verify-full&sslrootcert=<file>",
  ),
});

/** The parameters are libpq's; the files are read anew for each connection. */
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
