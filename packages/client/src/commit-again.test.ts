import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { commitAgain } from "./commit-again.ts";

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
  it("is tried again when it fails for the time being", async () => {
    const { commit, left } = failing([transient, transient]);
    await commitAgain(commit, new AbortController().signal);
    expect(left).toEqual([]);
  });

  it("is not tried again once the partition is another's, or when the failure will not pass", async () => {
    const lost = new AbortController();
    const losing = failing([transient, transient]);
    const asked = commitAgain(losing.commit, lost.signal);
    lost.abort();
    await expect(asked).rejects.toBe(transient);
    expect(losing.left.length).toBe(1);

    const lasting = new TypeError("a mistake");
    const mistaken = failing([lasting, lasting]);
    await expect(commitAgain(mistaken.commit, undefined)).rejects.toBe(lasting);
    expect(mistaken.left.length).toBe(1);
  });
});
