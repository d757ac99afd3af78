/** Returns the turns A B B A A B B A ...: each is first as often as second. */
export function turnsOf(rounds: number): ("a" | "b")[] {
  return Array.from({ length: rounds }, (_, round) =>
    round % 2 === 0 ? (["a", "b"] as const) : (["b", "a"] as const),
  ).flat();
}
