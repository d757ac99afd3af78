import { giveAddresses } from "../src/config.ts";
import { needsBackingServices } from "../src/needs-backing-services.ts";
import { startSharedBackingServices } from "../src/shared-backing-services.ts";

// Once for a run: real backing services for its integration and end-to-end tests, none for unit tests alone.
export default async function backingServicesUp({ rootDir, testPathPatterns }) {
  const matcher = testPathPatterns.toExecutor({ rootDir });
  if (!needsBackingServices({ rootDir, isSelected: (path) => matcher.isMatch(path) })) return;
  const begunMs = performance.now();
  let said = "";
  const backingServices = await startSharedBackingServices((doing) => {
    // A step's number changes ten times a second while the backing services are built for the first time.
    const step = doing.replace(/ [^ ]+ \(step \d+\)/, "");
    if (step !== said) process.stderr.write(`backing services: ${step}\n`);
    said = step;
  });
  globalThis.fiberstreamBackingServices = backingServices;
  giveAddresses(JSON.stringify(backingServices.addresses));
  const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
  process.stderr.write(
    `backing services: Kafka, registry, Redis and PostgreSQL up in ${seconds} s\n`,
  );
}
