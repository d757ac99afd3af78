import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { readSettings, setting } from "./settings.ts";

const settings = {
  databaseUrl: setting("DATABASE_URL", z.url().default("pg://h/standard"), "the database"),
};

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fiberstream-setting-"));
  file = join(folder, "database-url");
  writeFileSync(file, "pg://u:s3cret@h/db\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (environment: Record<string, string>) => readSettings(settings, environment);

describe("a setting from a file", () => {
  it("is the file's content without its last line break", () => {
    expect(read({ DATABASE_URL_FILE: file })).toEqual({ databaseUrl: "pg://u:s3cret@h/db" });
  });

  it("is unaffected by an empty variable, of the value or of the file", () => {
    expect(read({ DATABASE_URL: "", DATABASE_URL_FILE: file }).databaseUrl).toContain("s3cret");
    expect(read({ DATABASE_URL: "pg://h/x", DATABASE_URL_FILE: "" }).databaseUrl).toBe("pg://h/x");
  });

  it("is rejected if it is set twice, missing, empty or invalid, without its content in the message", () => {
    const refused = (environment: Record<string, string>) => {
      try {
        return JSON.stringify(read(environment));
      } catch (error) {
        return String(error);
      }
    };
    const twice = refused({ DATABASE_URL: "pg://h/x", DATABASE_URL_FILE: file });
    expect(twice).toContain(
      "DATABASE_URL (the database): is set twice, here and by DATABASE_URL_FILE",
    );
    const missing = refused({ DATABASE_URL_FILE: join(folder, "none") });
    expect(missing).toContain(`cannot be read: ${folder}/none (ENOENT)`);
    writeFileSync(file, "\n");
    expect(refused({ DATABASE_URL_FILE: file })).toContain("names an empty file");
    writeFileSync(file, "s3cret");
    const invalid = refused({ DATABASE_URL_FILE: file });
    expect(invalid).toContain("1 setting cannot be used");
    expect([twice, missing, invalid].join()).not.toContain("s3cret");
  });
});
