import type { SeenSpan } from "./otlp-spans.ts";

/** The spans of one trace, in the order of their beginnings. */
export type SeenTrace = { readonly traceId: string; readonly spans: readonly SeenSpan[] };

export type TraceCollection = {
  readonly add: (spans: readonly SeenSpan[]) => void;
  /** Those that are kept, the latest last. */
  readonly complete: () => readonly SeenTrace[];
  /** What has come so far counts as complete. */
  readonly close: () => void;
};

/** What is not complete is bounded too: the oldest is taken as complete when there are more. */
const MAX_OPEN = 1_000;

/**
 * Puts spans together that processes send when they like. Nothing in them says which is the last: a trace
 * counts as complete when nothing more of it has come for a while, and again when something comes later.
 *
 * @param options.keep how many complete traces are kept
 */
export function createTraceCollection(options: {
  quietMs: number;
  keep: number;
  onComplete: (trace: SeenTrace) => void;
}): TraceCollection {
  const { quietMs, keep, onComplete } = options;
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
      if (complete.size <= keep) break;
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
