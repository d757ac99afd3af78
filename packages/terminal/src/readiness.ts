/** A service's readiness, and if it is not ready, the failing checks. */
export type Readiness = {
  readonly state: "ready" | "not ready" | "does not answer";
  readonly reason?: string;
};

const ANSWER_TIMEOUT_MS = 2_000;

/** Returns what a service answers at /readyz. Never throws: no answer is a result, too. */
export async function readReadiness(adminUrl: string): Promise<Readiness> {
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const answer = await fetch(`${adminUrl}/readyz`, { signal });
    const { checks } = (await answer.json()) as {
      checks: Record<string, { status: string; reason?: string }>;
    };
    if (answer.ok) return { state: "ready" };
    const failing = Object.entries(checks).filter(([, { status }]) => status !== "ok");
    const reasons = failing.map(([name, { reason }]) => `${name} (${reason ?? "failing"})`);
    return { state: "not ready", reason: reasons.join(", ") };
  } catch {
    return { state: "does not answer" };
  }
}
