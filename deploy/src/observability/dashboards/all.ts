import { auditor } from "./auditor.ts";
import { business } from "./business.ts";
import { console } from "./console.ts";
import { gateway } from "./gateway.ts";
import { kafkaDatabase } from "./kafka-database.ts";
import { overview } from "./overview.ts";
import type { Dashboard, Panel } from "./panel.ts";
import { processor } from "./processor.ts";
import { sink } from "./sink.ts";

export const DASHBOARDS: readonly Dashboard[] = [
  overview,
  gateway,
  processor,
  sink,
  console,
  auditor,
  kafkaDatabase,
  business,
];

/** Returns the different queries of all panels to one data source. */
export const queriesOf = (source: Panel["source"]): string[] => [
  ...new Set(
    DASHBOARDS.flatMap(({ rows }) => rows)
      .flatMap(({ panels }) => panels)
      .filter((panel) => panel.source === source)
      .flatMap(({ queries }) => queries.map(({ expr }) => expr)),
  ),
];
