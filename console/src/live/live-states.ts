import { sees, type TenantScope } from "../access/scope.ts";
import type { Positions } from "./positions.ts";

/**
 * A state with what decides who sees it: its tenant (null: only those who see everything) and the node that it is about (null:
 * none, so only those who see all nodes of the tenant).
 */
export type Owned<State> = {
  readonly tenant: string | null;
  readonly node: string | null;
  readonly state: State;
};

export type LiveStates<State> = {
  /** Takes over states that were read; wakes the listeners if one has changed. */
  readonly update: (read: readonly Owned<State>[]) => void;
  /** As `update`, with all states that there are: the others have ended. */
  readonly replaceAll: (read: readonly Owned<State>[]) => void;
  /**
   * Returns the states that have changed since a position; undefined if that is not known, because the position is not one
   * of this process, or too old.
   */
  readonly changedSince: (position: string, scope: TenantScope) => State[] | undefined;
  /** Returns the states that have not ended. */
  readonly all: (scope: TenantScope) => State[];
};

/**
 * Keeps the newest state of each thing, and when it changed last. Whoever was away, or reads slowly, gets each thing that
 * has changed once: nothing has to be kept for a reader. What has ended is forgotten when all are read the next time.
 *
 * @param options.ended returns the state of a thing that is there no more
 */
export function createLiveStates<State>(options: {
  positions: Positions;
  idOf: (state: State) => string;
  hasEnded: (state: State) => boolean;
  ended: (state: State) => State;
}): LiveStates<State> {
  const { positions, idOf, hasEnded, ended } = options;
  const states = new Map<
    string,
    Owned<State> & { readonly text: string; readonly changedAt: number }
  >();
  /** The newest change of which nothing is left. */
  let forgottenAt = 0;

  const take = (read: readonly Owned<State>[]) =>
    positions.change((number) => {
      let isChanged = false;
      for (const owned of read) {
        const text = JSON.stringify(owned);
        const id = idOf(owned.state);
        if (states.get(id)?.text === text) continue;
        states.set(id, { ...owned, text, changedAt: number });
        isChanged = true;
      }
      return isChanged;
    });

  const seenBy = (scope: TenantScope) => [...states.values()].filter((owned) => sees(scope, owned));

  return {
    update: take,
    replaceAll: (read) => {
      const present = new Set(read.map(({ state }) => idOf(state)));
      const gone: Owned<State>[] = [];
      for (const [id, { tenant, node, state, changedAt }] of states) {
        if (present.has(id)) continue;
        if (!hasEnded(state)) gone.push({ tenant, node, state: ended(state) });
        else {
          states.delete(id);
          forgottenAt = Math.max(forgottenAt, changedAt);
        }
      }
      take([...read, ...gone]);
    },
    changedSince: (position, scope) => {
      const since = positions.numberOf(position);
      if (since === undefined || since < forgottenAt) return undefined;
      return seenBy(scope)
        .filter(({ changedAt }) => changedAt > since)
        .map(({ state }) => state);
    },
    all: (scope) =>
      seenBy(scope)
        .map(({ state }) => state)
        .filter((state) => !hasEnded(state)),
  };
}
