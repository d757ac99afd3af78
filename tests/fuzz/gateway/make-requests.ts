import { parentPort, workerData } from "node:worker_threads";
import { type Recipe, requestOf } from "./random-request.ts";
import { bytesOf, type RequestBytes } from "./request-bytes.ts";

// A thread of its own, told a number and telling the request.

export type MadeRequest = {
  readonly number: number;
  readonly recipe: Recipe;
  /** Of its events, with a number behind each. */
  readonly nodeId: string;
  readonly bytes: Omit<RequestBytes, "head" | "body"> & Record<"head" | "body", Uint8Array>;
};

/** That one connection's requests may have together, so that answers come while their sender waits. */
const MOST_FRAMES_AT_ONCE = 1_000;
/** One of 10 MB behind itself is enough to be behind itself. */
const MOST_BYTES = 30_000_000;
const { seed, token } = workerData as { seed: number; token: string };
const tokens = {
  good: token,
  invented: `Bearer fs_${"z".repeat(25)}_${"x".repeat(43)}`,
  rubbish: "Bearer \u00ff rubbish",
  none: undefined,
};

parentPort?.on("message", (number: number) => {
  const drawn = requestOf(seed, number);
  const nodeId = `hostile-${number}`;
  const bytes = bytesOf(drawn, { nodeId, tokens });
  const most = Math.max(1, Math.floor(MOST_BYTES / (bytes.head.length + bytes.plainBytes)));
  // Each frame is unpacked by itself, and requests behind one another wait for each other's.
  const together = Math.max(1, Math.floor(MOST_FRAMES_AT_ONCE / drawn.encoding.parts));
  const recipe = { ...drawn, copies: Math.min(drawn.copies, most, together) };
  parentPort?.postMessage({ number, recipe, nodeId, bytes } satisfies MadeRequest, []);
});
