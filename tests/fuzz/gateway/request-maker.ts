import { Worker } from "node:worker_threads";
import type { MadeRequest } from "./make-requests.ts";
import type { Recipe } from "./recipe.ts";
import type { RequestBytes } from "./request-bytes.ts";

export type RequestMaker = {
  /** Returns request `number` of the seed. */
  readonly make: (
    number: number,
  ) => Promise<{ recipe: Recipe; bytes: RequestBytes; nodeId: string }>;
  readonly end: () => Promise<unknown>;
};

/**
 * Creates requests on a separate thread, because compressing 10 MB takes so long that half-sent requests would time out,
 * and answers for the honest sender would seem late.
 */
export function startRequestMaker(options: { seed: number; token: string }): RequestMaker {
  const worker = new Worker(new URL("make-requests.ts", import.meta.url), { workerData: options });
  const waiting = new Map<number, PromiseWithResolvers<MadeRequest>>();
  worker.on("message", (made: MadeRequest) => {
    waiting.get(made.number)?.resolve(made);
    waiting.delete(made.number);
  });
  worker.on("error", (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    make: async (number) => {
      const made = Promise.withResolvers<MadeRequest>();
      waiting.set(number, made);
      worker.postMessage(number, []);
      const { recipe, nodeId, bytes } = await made.promise;
      const { head, body, ...sizes } = bytes;
      return {
        recipe,
        nodeId,
        bytes: { head: Buffer.from(head), body: Buffer.from(body), ...sizes },
      };
    },
    end: () => worker.terminate(),
  };
}
