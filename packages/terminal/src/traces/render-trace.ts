import { renderTable } from "../table.ts";
import type { SeenSpan } from "./otlp-spans.ts";
import type { SeenTrace } from "./trace-collection.ts";

const BAR_CHARACTERS = 40;

/** Returns a trace as a tree with durations and bars that show when each span ran (a waterfall). */
export function renderTrace({ traceId, spans }: SeenTrace): string {
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const endMs = Math.max(...spans.map((span) => span.endMs));
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const childrenOf = Map.groupBy(spans, ({ parentSpanId }) =>
    parentSpanId !== undefined && ids.has(parentSpanId) ? parentSpanId : undefined,
  );
  const rows: string[][] = [];
  const addRows = (parent: string | undefined, indent: string) => {
    for (const span of childrenOf.get(parent) ?? []) {
      rows.push([
        span.service,
        indent + (parent === undefined ? "" : "└ ") + span.name,
        shownMs(span.endMs - span.startMs).padStart(8),
        barOf(span, startMs, endMs) + faultOf(span),
      ]);
      addRows(span.spanId, parent === undefined ? indent : `${indent}  `);
    }
  };
  addRows(undefined, "");
  const beganAt = new Date(startMs).toISOString();
  const title = `trace ${traceId}  ${beganAt}  ${shownMs(endMs - startMs)}, ${spans.length} spans`;
  return `${title}\n${renderTable(rows)}`;
}

const shownMs = (ms: number): string => `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;

function barOf(span: SeenSpan, startMs: number, endMs: number): string {
  const characterMs = (endMs - startMs) / BAR_CHARACTERS || 1;
  const from = Math.min(BAR_CHARACTERS - 1, Math.floor((span.startMs - startMs) / characterMs));
  const length = Math.max(1, Math.round((span.endMs - span.startMs) / characterMs));
  return " ".repeat(from) + "█".repeat(Math.min(length, BAR_CHARACTERS - from));
}

const faultOf = ({ hasFailed, attributes }: SeenSpan): string =>
  hasFailed ? ` ✖ ${attributes["error.type"] ?? "failed"}` : "";
