import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { PROMETHEUS_FOLDER } from "@fiberstream/local-stack/prometheus-files";

export type AlertRule = {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: "page" | "ticket"; readonly burn?: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
};
export type RecordingRule = { readonly record: string; readonly expr: string };

export const readAlertRules = (): readonly AlertRule[] => readRules<AlertRule>("alerts.yml");
export const readRecordingRules = (): readonly RecordingRule[] =>
  readRules<RecordingRule>("recording.yml");

/** Returns the runbook's file name in docs/runbooks. */
export const runbookOf = (rule: AlertRule): string =>
  rule.annotations.runbook_url.replace("{{ $externalLabels.runbooks }}/", "");

function readRules<Rule>(file: string): Rule[] {
  const text = readFileSync(join(PROMETHEUS_FOLDER, "rules", file), "utf8");
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}
