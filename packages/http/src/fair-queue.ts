/** Waiting tasks of several owners: owners take turns, and each owner's tasks keep their order. */
export type FairQueue<T> = {
  readonly add: (ownerId: string, task: T) => void;
  /**
   * Removes the task whose turn it is and returns it; undefined if none waits.
   * @param isReady called with owners in the order of their turns, until it returns true
   */
  readonly next: (isReady?: (ownerId: string) => boolean) => T | undefined;
  /**
   * Removes a task that need not be done any more.
   * @returns whether it was waiting
   */
  readonly remove: (ownerId: string, task: T) => boolean;
  readonly isEmpty: () => boolean;
};

export function createFairQueue<T>(): FairQueue<T> {
  /** In the order of the owners' turns. Each has a task. */
  const tasksOf = new Map<string, T[]>();
  return {
    add: (ownerId, task) => {
      const tasks = tasksOf.get(ownerId);
      if (tasks === undefined) tasksOf.set(ownerId, [task]);
      else tasks.push(task);
    },
    next: (isReady = () => true) => {
      for (const [ownerId, tasks] of tasksOf) {
        if (!isReady(ownerId)) continue;
        const task = tasks.shift();
        tasksOf.delete(ownerId);
        // The owner's other tasks wait behind those of all others.
        if (tasks.length > 0) tasksOf.set(ownerId, tasks);
        return task;
      }
      return undefined;
    },
    remove: (ownerId, task) => {
      const tasks = tasksOf.get(ownerId) ?? [];
      const at = tasks.indexOf(task);
      if (at === -1) return false;
      tasks.splice(at, 1);
      if (tasks.length === 0) tasksOf.delete(ownerId);
      return true;
    },
    isEmpty: () => tasksOf.size === 0,
  };
}
