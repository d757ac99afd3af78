import { fileURLToPath } from "node:url";
import { messageOf } from "@fiberstream/runtime/errors";
import { packClient } from "./pack-client.ts";

// `npm run pack -w @fiberstream/client` builds the file to publish: npm publish <file>
try {
  const file = await packClient(fileURLToPath(new URL("../", import.meta.url)));
  process.stdout.write(`${file}\n`);
} catch (error) {
  process.stderr.write(`pack: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
