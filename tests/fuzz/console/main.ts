import { messageOf } from "@fiberstream/runtime/errors";
import type { Life } from "@fiberstream/runtime/life";
import { Command } from "commander";
import { withDocumentOptions } from "../document/document-options.ts";
import { type DocumentOptions, fuzzDocument } from "../document/fuzz-document.ts";
import { installSchemathesis } from "../document/python-environment.ts";
import { withBackingServices } from "../document/with-backing-services.ts";

const say = (step: string) => void process.stderr.write(`${step}\n`);

const HELP = `
Needs Python 3.10 or newer; schemathesis is installed in the cache folder. The console runs with AUTH_MODE=keys, on a database
with some nodes, events and roll-ups. The requests have a reader key that may change nodes and send dead letters back.

Examples:
  npm run fuzz:console
  npm run fuzz:console -- --examples 1000 --seed 7
`;

try {
  const command = new Command("fuzz:console")
    .usage("[options]   (npm run fuzz:console -- [options])")
    .description(
      "Send requests that are generated from the OpenAPI document to a console, and check the answers.",
    );
  await withDocumentOptions(command, { examples: 40 })
    .addHelpText("after", HELP)
    .allowExcessArguments(false)
    .action(async (options: DocumentOptions) => {
      const schemathesis = await installSchemathesis(say);
      say("starting the backing services");
      process.exitCode = await withBackingServices((life) => fuzz(life, schemathesis, options));
    })
    .parseAsync();
} catch (error) {
  process.stderr.write(`fuzz:console: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

/** @returns the exit code: 0 without findings */
async function fuzz(life: Life, schemathesis: string, options: DocumentOptions): Promise<number> {
  const { insertEvents, insertNode, refreshRollUps, startTestConsole } =
    await import("@fiberstream/console/service-tests/console-fixture");
  const { createReaderKey } = await import("@fiberstream/access/reader-key-table");
  const { pool, service } = await startTestConsole(life, {
    AUTH_MODE: "keys",
    QUERY_BURST: "10000000",
    QUERY_RATE_PER_SECOND: "1000000",
  });
  for (const node of ["probe-1", "probe-2"]) {
    await insertNode(pool, node);
    await insertEvents(pool, { node, count: 200 });
  }
  await refreshRollUps(pool);
  const { token } = await createReaderKey(pool, {
    tenant: null,
    may_change_nodes: true,
    may_redrive: true,
    rate_per_second: null,
    burst: null,
    note: "fuzz",
    expires_at: null,
  });
  const code = await fuzzDocument(schemathesis, {
    ...options,
    url: service.url,
    beside: import.meta.url,
    // hooks.py does the same by the codes of problems, because a status has several.
    excludedChecks: ["positive_data_acceptance"],
    headers: [`Authorization: Bearer ${token}`],
  });
  if (!service.logs().includes("question failed")) return code;
  say(`the console logged a question that failed:\n${service.logs()}`);
  return 1;
}
