/** The state of a dependency or task that the service needs, and since when. */
export type CheckState =
  | { readonly status: "ok"; readonly since: Date }
  | { readonly status: "failing"; readonly since: Date; readonly reason: string };

export type Check = {
  ok: () => void;
  failing: (reason: string) => void;
};

export type Health = {
  /** Adds a check; it fails with "not yet checked" until its state is set. */
  check: (name: string) => Check;
  /** Adds a probe that `/livez` runs; it returns the problem, or undefined if there is none. */
  liveness: (name: string, probe: () => string | undefined) => void;
  isReady: () => boolean;
  readiness: () => Record<string, CheckState>;
  livenessProblems: () => Record<string, string>;
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
    livenessProblems: () =>
      Object.fromEntries(
        [...probes].flatMap(([name, probe]) => {
          const problem = probe();
          return problem === undefined ? [] : [[name, problem]];
        }),
      ),
  };
}
