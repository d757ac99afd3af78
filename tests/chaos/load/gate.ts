/** Lets requests pass, and holds them while it is closed. */
export type Gate = {
  readonly pass: () => Promise<void>;
  readonly close: () => void;
  readonly open: () => void;
};

export function createGate(): Gate {
  let opened: PromiseWithResolvers<void> | undefined;
  return {
    pass: () => opened?.promise ?? Promise.resolve(),
    close: () => void (opened ??= Promise.withResolvers()),
    open: () => {
      opened?.resolve();
      opened = undefined;
    },
  };
}
