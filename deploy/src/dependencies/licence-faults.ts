import type { ShippedPackage } from "./shipped-packages.ts";

/** SPDX ids of the licences under which whoever ships FiberStream has to name the authors, and no more. */
export const ALLOWED = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Python-2.0",
  "Unlicense",
] as const;

const allowed: ReadonlySet<string> = new Set(ALLOWED);

/** Returns a sentence for each package that may not be shipped. */
export function licenceFaults(packages: readonly ShippedPackage[]): string[] {
  return packages.flatMap(({ name, version, licence, otherLicence }) => {
    const whose = `${name} ${version}`;
    if (licence === undefined) return [`${whose} names no licence`];
    if (otherLicence !== undefined) {
      return [`${whose}: the lock file says ${licence}, the installed package ${otherLicence}`];
    }
    return isAllowed(licence) ? [] : [`${whose} has the licence ${licence}, which is not allowed`];
  });
}

/** Of alternatives one must be allowed, of a sum all. An expression with both, or with exceptions, needs a reader. */
function isAllowed(expression: string): boolean {
  const flat = expression.replaceAll(/[()]/g, "");
  const isMixed = flat.includes(" AND ") && flat.includes(" OR ");
  if (isMixed) return false;
  return flat.includes(" OR ")
    ? flat.split(" OR ").some((id) => allowed.has(id))
    : flat.split(" AND ").every((id) => allowed.has(id));
}
