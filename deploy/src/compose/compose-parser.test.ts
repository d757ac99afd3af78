import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import { parse } from "yaml";
import { buildWithGo, ensureFetched, isProgram } from "@fiberstream/local-stack/native/fetched";

const run = promisify(execFile);
const file = fileURLToPath(new URL("../../../docker-compose.yml", import.meta.url));

/** The parser of Docker Compose with its checks, as a program of its own. Go builds it at the first use (10 s). */
const VERSION = "v2.16.2";
const parser = (await isProgram("go", ["version"]))
  ? await ensureFetched(`compose-go-${VERSION}`, (into) =>
      buildWithGo(into, `github.com/compose-spec/compose-go/v2/cmd@${VERSION}`),
    )
  : { missing: "building Docker Compose's parser needs Go" };

const skipReason = "missing" in parser ? ` (${parser.missing})` : "";
(skipReason === "" ? it : it.skip)(
  `docker-compose.yml is valid for Docker Compose${skipReason}`,
  async () => {
    if ("missing" in parser) return;
    const { stdout } = await run(join(parser.folder, "cmd"), [file]);
    const { services } = parse(stdout) as { services: Record<string, { read_only?: boolean }> };
    expect(services["sink-writer"]?.read_only).toBe(true);
    expect(Object.keys(services).length).toBeGreaterThan(8);
  },
);
