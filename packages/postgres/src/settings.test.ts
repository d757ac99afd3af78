import { readSettings } from "@fiberstream/runtime/settings";
import { describe, expect, it } from "@jest/globals";
import { postgresSettings } from "./settings.ts";

const read = (parameters: string) =>
  readSettings(postgresSettings(), {
    DATABASE_URL: `postgresql://sink:hunter2@db.example/fiberstack${parameters}`,
  });
/** Any file that can be read. */
const FILE = encodeURIComponent(import.meta.filename);

describe("DATABASE_URL", () => {
  it.each([
    "",
    "?sslmode=disable",
    "?sslmode=verify-full",
    `?sslmode=verify-full&sslrootcert=${FILE}&sslcert=${FILE}&sslkey=${FILE}`,
  ])("takes %j", (parameters) => {
    expect(read(parameters).databaseUrl).toContain(parameters);
  });

  it.each([
    ["?sslmode=require", "sslmode=require does not make sure who answers"],
    ["?sslmode=no-verify", "does not make sure"],
    [`?sslrootcert=${FILE}`, "sslrootcert needs sslmode=verify-full"],
    [`?sslmode=verify-full&sslcert=${FILE}`, "belong together"],
    ["?sslmode=verify-full&sslrootcert=/none.pem", "sslrootcert: ENOENT"],
  ])("refuses %j", (parameters, reason) => {
    expect(() => read(parameters)).toThrow(reason);
    expect(() => read(parameters)).not.toThrow("hunter2");
  });
});
