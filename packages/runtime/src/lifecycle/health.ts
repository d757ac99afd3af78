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
  /** Runs when `/livez` is asked, which fails with what it returns; undefined when nothing is wrong. */
  liveness: (name: string, probe: () => string | undefined) => void;
  isReady: () => boolean;
  readiness: () => Record<string, CheckState>;
  whatIsDead: () => Record<string, string>;
};

export function createHealth(): Health {
  const checks = new Map<string, CheckState>();
  const probes = new Map<string, () => string | undefined>();

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
    liveness: (name, probe) => probes.set(name, probe),
    isReady: () => [...checks.values()].every((check) => check.status === "ok"),
    readiness: () => Object.fromEntries(checks),
    whatIsDead: () =>
      Object.fromEntries(
        [...probes].flatMap(([name, probe]) => {
          const problem = probe();
          return problem === undefined ? [] : [[name, problem]];
        }),
      ),
  };
}
