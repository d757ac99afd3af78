import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { commitWithRetries } from "./commit-with-retries.ts";

const failing = (errors: readonly Error[]) => {
  const left = [...errors];
  const commit = async () => {
    const error = left.shift();
    if (error !== undefined) throw error;
  };
  return { commit, left };
};
const transient = new TransientError("kafka", "REBALANCE_IN_PROGRESS");

describe("a commit", () => {
  it("is retried after a transient failure", async () => {
    const { commit, left } = failing([transient, transient]);
    await commitWithRetries(commit, new AbortController().signal);
    expect(left).toEqual([]);
  });

  it("is not retried when the partition belongs to another member, or after a permanent failure", async () => {
    const lost = new AbortController();
    const losing = failing([transient, transient]);
    const asked = commitWithRetries(losing.commit, lost.signal);
    lost.abort();
    await expect(asked).rejects.toBe(transient);
    expect(losing.left.length).toBe(1);

    const lasting = new TypeError("a mistake");
    const mistaken = failing([lasting, lasting]);
    await expect(commitWithRetries(mistaken.commit, undefined)).rejects.toBe(lasting);
    expect(mistaken.left.length).toBe(1);
  });
});
