/** Waiting tasks of several owners: owners take turns, and each owner's tasks keep their order. */
export type FairQueue<T> = {
  readonly add: (ownerId: string, task: T) => void;
  /** Removes the task whose turn it is and returns it; undefined if none waits. */
  readonly next: () => T | undefined;
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
    next: () => {
      const [first] = tasksOf;
      if (first === undefined) return undefined;
      const [ownerId, tasks] = first;
      const task = tasks.shift();
      tasksOf.delete(ownerId);
      // The owner's other tasks wait behind those of all others.
      if (tasks.length > 0) tasksOf.set(ownerId, tasks);
      return task;
    },
    isEmpty: () => tasksOf.size === 0,
  };
}
