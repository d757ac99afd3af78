/** Whether one dependency or task lets the service do its job, and since when. */
export type CheckState =
  | { readonly status: "ok"; readonly since: Date }
  | { readonly status: "failing"; readonly since: Date; readonly reason: string };

export type Check = {
  ok: () => void;
  failing: (reason: string) => void;
};

export type Health = {
  /** A named check; it is failing with "not yet checked" until told otherwise. */
  check: (name: string) => Check;
  /** A look at the moment of asking; returns what is wrong, or undefined. Makes `/livez` fail. */
  liveness: (name: string, look: () => string | undefined) => void;
  isReady: () => boolean;
  readiness: () => Record<string, CheckState>;
  whatIsDead: () => Record<string, string>;
};

export function createHealth(): Health {
  const checks = new Map<string, CheckState>();
  const lookers = new Map<string, () => string | undefined>();

  return {
    check: (name) => {
      checks.set(name, { status: "failing", since: new Date(), reason: "not yet checked" });
      return {
        ok: () => {
          if (checks.get(name)?.status !== "ok")
            checks.set(name, { status: "ok", since: new Date() });
        },
        failing: (reason) => {
          const before = checks.get(name);
          const since = before?.status === "failing" ? before.since : new Date();
          checks.set(name, { status: "failing", since, reason });
        },
      };
    },
    liveness: (name, look) => lookers.set(name, look),
    isReady: () => [...checks.values()].every((check) => check.status === "ok"),
    readiness: () => Object.fromEntries(checks),
    whatIsDead: () =>
      Object.fromEntries(
        [...lookers].flatMap(([name, look]) => {
          const problem = look();
          return problem === undefined ? [] : [[name, problem]];
        }),
      ),
  };
}
