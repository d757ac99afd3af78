import type { SeenSpan } from "./otlp-spans.ts";

/** The spans of one trace, ordered by their start. */
export type SeenTrace = { readonly traceId: string; readonly spans: readonly SeenSpan[] };

export type TraceCollection = {
  readonly add: (spans: readonly SeenSpan[]) => void;
  /** Returns the stored traces, the latest last. */
  readonly complete: () => readonly SeenTrace[];
  /** Treats all traces as complete. */
  readonly close: () => void;
};

/** Limits the incomplete traces: if there are more, the oldest is treated as complete. */
const MAX_OPEN = 1_000;

/**
 * Groups spans by trace. No span says that it is the last one, so a trace is treated as complete when no span of it
 * has arrived for a while, and again if one arrives later.
 *
 * @param options.maxTraces how many complete traces are stored
 */
export function createTraceCollection(options: {
  quietMs: number;
  maxTraces: number;
  onComplete: (trace: SeenTrace) => void;
}): TraceCollection {
  const { quietMs, maxTraces, onComplete } = options;
  const open = new Map<string, { spans: SeenSpan[]; timer: NodeJS.Timeout }>();
  const complete = new Map<string, SeenTrace>();

  const close = (traceId: string) => {
    const closing = open.get(traceId);
    if (closing === undefined) return;
    clearTimeout(closing.timer);
    open.delete(traceId);
    const spans = closing.spans.sort((one, other) => one.startMs - other.startMs);
    complete.set(traceId, { traceId, spans });
    for (const oldest of complete.keys()) {
      if (complete.size <= maxTraces) break;
      complete.delete(oldest);
    }
    onComplete({ traceId, spans });
  };

  const addOne = (span: SeenSpan) => {
    const { traceId } = span;
    const before = open.get(traceId);
    clearTimeout(before?.timer);
    const spans = before?.spans ?? [...(complete.get(traceId)?.spans ?? [])];
    complete.delete(traceId);
    spans.push(span);
    open.set(traceId, { spans, timer: setTimeout(() => close(traceId), quietMs) });
    const [oldest] = open.keys();
    if (open.size > MAX_OPEN && oldest !== undefined) close(oldest);
  };

  return {
    add: (spans) => spans.forEach(addOne),
    complete: () => [...complete.values()],
    close: () => {
      for (const traceId of open.keys()) close(traceId);
    },
  };
}
