import { readSettings } from "@fiberstream/runtime/settings";
import { describe, expect, it } from "@jest/globals";
import { postgresSettings } from "./settings.ts";

const readUrl = (url: string) => readSettings(postgresSettings(), { DATABASE_URL: url });
const read = (parameters: string) =>
  readUrl(`postgresql://sink:hunter2@db.example/fiberstack${parameters}`);
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
    "postgresql://sink:hunter2@[::1]:5432/fiberstack",
    "postgres://sink:a%2Cb@db.example/fiberstack?target_session_attrs=read-write",
  ])("takes the address %j", (url) => expect(readUrl(url).databaseUrl).toBe(url));

  it.each([
    ["postgresql://sink:hunter2@a.example:5432,b.example:5433/fiberstack", "must have one host"],
    ["postgresql://sink:hunter2@a.example,b.example/fiberstack", "must have one host"],
    ["postgresql:///fiberstack?host=a.example,b.example", "must have one host"],
    ["postgresql://db.example/f?target_session_attrs=prefer-standby", "needs read-write"],
    ["mysql://db.example/f", "must begin with postgresql://"],
    ["db.example", "must be postgresql://"],
  ])("refuses the address %j", (url, reason) => {
    expect(() => readUrl(url)).toThrow(reason);
    expect(() => readUrl(url)).not.toThrow("hunter2");
  });

  it.each([
    ["?sslmode=require", "sslmode=require does not verify the server"],
    ["?sslmode=no-verify", "does not verify"],
    [`?sslrootcert=${FILE}`, "sslrootcert needs sslmode=verify-full"],
    [`?sslmode=verify-full&sslcert=${FILE}`, "must be set together"],
    ["?sslmode=verify-full&sslrootcert=/none.pem", "sslrootcert: ENOENT"],
  ])("refuses %j", (parameters, reason) => {
    expect(() => read(parameters)).toThrow(reason);
    expect(() => read(parameters)).not.toThrow("hunter2");
  });
});
