import { ALLOWED } from "./licence-faults.ts";
import type { ShippedPackage } from "./shipped-packages.ts";

/** Renders the list of the packages that ship, by licence. */
export function renderLicencesPage(packages: readonly ShippedPackage[]): string {
  // Which binaries of other platforms the lock file has depends on the registry that wrote it.
  const listed = packages.filter(({ isOfOnePlatform }) => !isOfOnePlatform);
  const byLicence = Map.groupBy(listed, ({ licence }) => licence ?? "");
  return `# Licences of what ships

<!-- Written by \`npm run generate\` from package-lock.json and the installed packages. -->

FiberStream has the licence Apache-2.0. These are the packages of other people that its services, \`fiber\`, the deploy steps and the client need
to run, and those that these need. Each package has the text of its licence in its folder of \`node_modules\`, and the images
contain that folder. Binaries for one operating system have the licence of the package that chooses them.

Allowed are ${ALLOWED.join(", ")}.
\`npm run check\` fails for any other licence, for a package that names none, and if the lock file and the installed package
name different ones.

${[...byLicence]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([licence, those]) => renderLicence(licence, those))
  .join("\n")}`;
}

const renderLicence = (
  licence: string,
  packages: readonly ShippedPackage[],
): string => `## ${licence}

${packages.map(({ name, version }) => `- ${name} ${version}`).join("\n")}
`;
