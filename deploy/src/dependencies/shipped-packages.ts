import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** A package that the services need to run, with what it says about its licence. */
export type ShippedPackage = {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; undefined if the package does not say. */
  readonly licence: string | undefined;
  /** What the installed package says, if that is not what the lock file says. */
  readonly otherLicence?: string;
  /** Installed on some operating systems or processors only. */
  readonly isOfOnePlatform: boolean;
};

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const licenceSchema = z.object({
  license: z.union([z.string(), z.object({ type: z.string() })]).optional(),
  licenses: z.array(z.object({ type: z.string() })).optional(),
});

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      link: z.boolean().optional(),
      os: z.array(z.string()).optional(),
      cpu: z.array(z.string()).optional(),
    }),
  ),
});

/**
 * Returns the packages of all workspaces' dependencies, and of the dependencies of these, in the order of their names.
 * Those of development only are left out.
 *
 * @param root of a project whose packages are installed
 */
export function readShippedPackages(root = ROOT): ShippedPackage[] {
  const lock = lockSchema.parse(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")));
  const shipped = new Map<string, ShippedPackage>();
  for (const [path, entry] of Object.entries(lock.packages)) {
    const [, name] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name === undefined || entry.dev === true || entry.link === true) continue;
    const { version = "", license } = entry;
    const installed = licenceIn(join(root, path));
    shipped.set(`${name}@${version}`, {
      name,
      version,
      licence: license ?? installed,
      ...(installed !== undefined &&
        license !== undefined &&
        installed !== license && { otherLicence: installed }),
      isOfOnePlatform: entry.os !== undefined || entry.cpu !== undefined,
    });
  }
  return [...shipped.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** Returns the licence of an installed package: of its package.json, or else of its licence file. */
function licenceIn(folder: string): string | undefined {
  const file = join(folder, "package.json");
  // Of another platform, and therefore not installed.
  if (!existsSync(file)) return undefined;
  const { license, licenses } = licenceSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  if (license !== undefined) return typeof license === "string" ? license : license.type;
  if (licenses !== undefined) return licenses.map(({ type }) => type).join(" AND ");
  const text = readdirSync(folder).find((name) => /^licen[cs]e(\.\w+)?$/i.test(name));
  if (text === undefined) return undefined;
  const isMit = readFileSync(join(folder, text), "utf8").startsWith("MIT License\n");
  return isMit ? "MIT" : undefined;
}
