import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceName } from "@fiberstream/runtime/services";
import { inClone } from "./in-clone.ts";

/** The project's rules and configuration, as they are in the clone. */
export const PROMETHEUS_FOLDER = inClone("deploy/prometheus");

/**
 * Writes what Prometheus reads at its start: the project's own configuration and rules, with the
 * addresses of this start's services.
 *
 * @param options.targets host and port of each service's admin server
 * @param options.changeRules what to do with a rule file's text, for tests that cannot wait for days
 */
export function writePrometheusFiles(options: {
  folder: string;
  targets: Readonly<Record<ServiceName, string>>;
  changeConfig?: (text: string) => string;
  changeRules?: (text: string) => string;
}): void {
  const { folder, targets, changeConfig = asItIs, changeRules = asItIs } = options;
  for (const name of ["rules", "targets"]) {
    // What an older version has left there would be read as well.
    rmSync(join(folder, name), { recursive: true, force: true });
  }
  mkdirSync(join(folder, "targets"), { recursive: true });
  cpSync(join(PROMETHEUS_FOLDER, "rules"), join(folder, "rules"), { recursive: true });
  for (const file of ["rules/alerts.yml", "rules/recording.yml"]) {
    writeFileSync(join(folder, file), changeRules(readFileSync(join(folder, file), "utf8")));
  }
  const config = readFileSync(join(PROMETHEUS_FOLDER, "prometheus.yml"), "utf8");
  const runbooks = `runbooks: ${pathToFileURL(inClone("docs/runbooks")).href}`;
  writeFileSync(
    join(folder, "prometheus.yml"),
    changeConfig(config.replace(/runbooks: \S+/, runbooks)),
  );
  for (const [name, address] of Object.entries(targets)) {
    writeFileSync(join(folder, "targets", `${name}.yml`), `- targets: ["${address}"]\n`);
  }
}

const asItIs = (text: string) => text;
