import { setAddresses } from "../src/config.ts";
import { needsBackingServices } from "../src/backing-services/needs-backing-services.ts";
import { startSharedBackingServices } from "../src/backing-services/shared-backing-services.ts";

// Runs once for a test run. It starts the backing services if integration or end-to-end tests are selected.
export default async function backingServicesUp({ rootDir, testPathPatterns }) {
  const matcher = testPathPatterns.toExecutor({ rootDir });
  if (!needsBackingServices({ rootDir, isSelected: (path) => matcher.isMatch(path) })) return;
  const begunMs = performance.now();
  let printed = "";
  const backingServices = await startSharedBackingServices((progress) => {
    // While the backing services are built for the first time, the step number changes ten times a second.
    const step = progress.replace(/ [^ ]+ \(step \d+\)/, "");
    if (step !== printed) process.stderr.write(`backing services: ${step}\n`);
    printed = step;
  });
  globalThis.fiberstreamBackingServices = backingServices;
  setAddresses(JSON.stringify(backingServices.addresses));
  const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
  process.stderr.write(
    `backing services: Kafka, registry, Redis and PostgreSQL up in ${seconds} s\n`,
  );
}
