import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packClient } from "@fiberstream/client/pack-client";
import { runCommand } from "./run-command.ts";

export type InstalledClient = {
  /**
   * Copies a program into the project, where it runs like a user's program.
   * @returns its path
   */
  readonly copy: (name: string, file: string) => string;
  /**
   * Writes a program into the project.
   * @returns its path
   */
  readonly write: (name: string, source: string) => string;
  /**
   * Checks the types of all programs in the project.
   * @throws with the compiler's errors
   */
  readonly checkTypes: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

const TYPESCRIPT = fileURLToPath(new URL("../../node_modules/typescript/", import.meta.url));

/** Creates a project with only the client, installed from the file of `npm pack`. */
export async function installClient(): Promise<InstalledClient> {
  const folder = mkdtempSync(join(tmpdir(), "fiberstream-client-"));
  const project = join(folder, "project");
  mkdirSync(project);
  const packed = await packClient(folder);
  writeFileSync(join(project, "package.json"), `{ "private": true, "type": "module" }\n`);
  const install = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"] as const;
  await runCommand([...install, `--prefix=${project}`, packed, ...BESIDE]);
  const write = (name: string, source: string) => {
    writeFileSync(join(project, name), source);
    return join(project, name);
  };
  return {
    copy: (name, file) => {
      copyFileSync(file, join(project, name));
      return join(project, name);
    },
    write,
    checkTypes: async () => {
      const config = write("tsconfig.json", JSON.stringify(TYPES));
      const compiler = join(TYPESCRIPT, "bin", "tsc");
      await runCommand([process.execPath, compiler, "--pretty", "false", "-p", config]);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Packages that the README's programs use in addition. */
const BESIDE = ["pg@8", "@types/pg@8", "@types/node@24"] as const;

/** Compiler options: strict, and without skipping the package's types. */
const TYPES = {
  compilerOptions: {
    target: "es2024",
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ["node"],
  },
  include: ["*.ts"],
};
