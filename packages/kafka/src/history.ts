/** How many records stand before the position: offsets stay below 2^53 for as long as anyone lives. */
export function historyIn(
  messages: readonly { offset: string }[],
  position: bigint | undefined,
): number {
  const first = messages[0];
  if (position === undefined || first === undefined || BigInt(first.offset) >= position) return 0;
  const at = messages.findIndex(({ offset }) => Number(offset) >= Number(position));
  return at === -1 ? messages.length : at;
}
