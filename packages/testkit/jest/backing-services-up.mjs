import { giveAddresses } from "../src/config.ts";
import { needsParts } from "../src/needs-backing-services.ts";
import { startSharedParts } from "../src/shared-backing-services.ts";

// Once for a run: real parts for its integration and end-to-end tests, none for unit tests alone.
export default async function partsUp({ rootDir, testPathPatterns }) {
  const matcher = testPathPatterns.toExecutor({ rootDir });
  if (!needsParts({ rootDir, isSelected: (path) => matcher.isMatch(path) })) return;
  const begunMs = performance.now();
  let said = "";
  const parts = await startSharedParts((doing) => {
    // A step's number changes ten times a second while the parts are built for the first time.
    const step = doing.replace(/ [^ ]+ \(step \d+\)/, "");
    if (step !== said) process.stderr.write(`parts: ${step}\n`);
    said = step;
  });
  globalThis.fiberstreamParts = parts;
  giveAddresses(JSON.stringify(parts.addresses));
  const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
  process.stderr.write(`parts: Kafka, registry, Redis and PostgreSQL up in ${seconds} s\n`);
}
