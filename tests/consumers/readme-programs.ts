import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { addresses } from "@fiberstream/testkit/addresses";

const README = fileURLToPath(new URL("../../packages/client/README.md", import.meta.url));

/** Returns the programs in the client's README, by the function that each one demonstrates. */
export function readmePrograms(): ReadonlyMap<string, string> {
  const blocks = readFileSync(README, "utf8").matchAll(/^```ts\n(.*?)^```$/gms);
  return new Map(
    [...blocks].map(([, source = ""]) => {
      const shown = /import \{ (\w+).* \} from "@fiberstream\/client"/.exec(source)?.[1];
      if (shown === undefined)
        throw new Error(`a program in the README imports nothing:\n${source}`);
      return [shown, source];
    }),
  );
}

/** Returns a program with the addresses of a test's platform instead of those of a local start. */
export function onPlatform(
  program: string,
  platform: { namespace: string; gatewayUrl: string; databaseUrl: string },
): string {
  return program
    .replace('"localhost:9092"', JSON.stringify(addresses.kafkaBrokers))
    .replace(
      '"http://localhost:8081/apis/ccompat/v7",',
      `${JSON.stringify(addresses.schemaRegistryUrl)}, namespace: ${JSON.stringify(platform.namespace)},`,
    )
    .replace("http://127.0.0.1:8000", platform.gatewayUrl)
    .replace(/postgresql:[^"]+/, platform.databaseUrl);
}
