import { writeGenerated } from "@fiberstream/schemas/write-generated";
import { licenceFaults } from "./licence-faults.ts";
import { renderLicencesPage } from "./licences-page.ts";
import { readShippedPackages } from "./shipped-packages.ts";

// `npm run generate` lists the licences of what ships. With --check, too, it fails for one that is not allowed.
const packages = readShippedPackages();
for (const fault of licenceFaults(packages)) {
  console.error(fault);
  process.exitCode = 1;
}
await writeGenerated({ "docs/licences.md": renderLicencesPage(packages) });
