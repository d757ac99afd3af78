import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceName } from "@fiberstream/runtime/services";
import { inClone } from "./in-clone.ts";

/** The folder of Prometheus's rules and configuration in the clone. */
export const PROMETHEUS_FOLDER = inClone("deploy/prometheus");

/**
 * Writes the files that Prometheus reads: the project's configuration and rules, with the addresses of the services.
 *
 * @param options.targets host and port of each service's admin server
 * @param options.changeRules changes the text of a rule file, for tests that cannot wait for days
 */
export function writePrometheusFiles(options: {
  folder: string;
  targets: Readonly<Record<ServiceName, string>>;
  changeConfig?: (text: string) => string;
  changeRules?: (text: string) => string;
}): void {
  const { folder, targets, changeConfig = unchanged, changeRules = unchanged } = options;
  for (const name of ["rules", "targets"]) {
    // Prometheus would also read the files of an older version.
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

const unchanged = (text: string) => text;
