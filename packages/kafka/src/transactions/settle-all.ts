/** Waits for all of them, whatever becomes of one, then throws the first error if there is any. */
export async function settleAll(all: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(all);
  for (const one of settled) if (one.status === "rejected") throw one.reason;
}
