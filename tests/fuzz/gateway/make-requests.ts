import { parentPort, workerData } from "node:worker_threads";
import { requestOf } from "./random-request.ts";
import type { Recipe } from "./recipe.ts";
import { bytesOf, type RequestBytes } from "./request-bytes.ts";

// A separate thread that gets a number and returns the request.

export type MadeRequest = {
  readonly number: number;
  readonly recipe: Recipe;
  /** Prefix of the node ids of its events, which end with a number. */
  readonly nodeId: string;
  readonly bytes: Omit<RequestBytes, "head" | "body"> & Record<"head" | "body", Uint8Array>;
};

/** The total number of frames of one connection's requests, so that answers come within the sender's timeout. */
const MAX_FRAMES_AT_ONCE = 100;
/** Limit for copies of one request: two copies of 10 MB are enough. */
const MAX_BYTES = 30_000_000;
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
  const most = Math.max(1, Math.floor(MAX_BYTES / (bytes.head.length + bytes.plainBytes)));
  // Each frame is decompressed separately, and pipelined requests wait for each other.
  const together = Math.max(1, Math.floor(MAX_FRAMES_AT_ONCE / drawn.encoding.parts));
  const recipe = { ...drawn, copies: Math.min(drawn.copies, most, together) };
  parentPort?.postMessage({ number, recipe, nodeId, bytes } satisfies MadeRequest, []);
});
