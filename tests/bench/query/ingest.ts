import type { LoadPlan } from "../end-to-end/load/load-plan.ts";
import { type Phase, phaseOf, requireExactlyOnce, unsureOf } from "../end-to-end/load/phase.ts";
import { runLoad } from "../end-to-end/load/run-load.ts";
import type { Testbed } from "../end-to-end/testbed.ts";
import type { Progress } from "../harness/progress.ts";
import type { DataPlan } from "./data/plan.ts";
import { type DashboardFigures, startDashboards } from "./dashboards.ts";

export type IngestFigures = {
  readonly dashboards: number;
  /** The highest rate at which rows are written, without dashboards; half of it is sent. */
  readonly highest: number;
  readonly rounds: readonly Round[];
  /** How many fewer rows were written with dashboards, in percent of those without, over all rounds. */
  readonly lossPct: number;
};
type Round = {
  readonly without: Ingest;
  readonly with: Ingest & { readonly seen: DashboardFigures };
};
type Ingest = Pick<Phase, "eventsPerSecond" | "isLagFlat" | "answer" | "rowAfterAnswer"> & {
  readonly rowsPerSecond: number;
};

const ROUNDS = 2;
const WARM_UP_SECONDS = 5;
const EVENTS_PER_REQUEST = 500;
const CONNECTIONS = 8;
const EVENTS_AHEAD = 40_000;

/** Measures the ingest at half of its highest rate, without and with dashboards in turns. */
export async function measureIngest(
  testbed: Testbed,
  options: {
    dashboards: number;
    consoleUrl: string;
    plan: DataPlan;
    /** The highest rate, if it is known. */
    rate: number | undefined;
    seconds: number;
    progress: Progress;
  },
): Promise<IngestFigures> {
  const { dashboards, consoleUrl, plan, rate, seconds, progress } = options;
  let unsure = 0;
  const run = async (what: string, pace: LoadPlan["pace"]) => {
    const load: LoadPlan = {
      gatewayUrls: testbed.gatewayUrls,
      eventsPerRequest: EVENTS_PER_REQUEST,
      nodes: 1_000,
      connections: CONNECTIONS,
      warmUpSeconds: WARM_UP_SECONDS,
      seconds,
      pace,
      databaseUrl: pace.kind === "open" ? testbed.backingServices.databaseUrl : undefined,
    };
    progress.step(what, seconds);
    const ran = await runLoad(testbed, load, progress.done);
    const phase = phaseOf("half", what, load, ran);
    requireExactlyOnce(phase, unsure);
    unsure += unsureOf(phase);
    return { ...phase, rowsPerSecond: ran.delivered / ran.seconds };
  };
  const closed = { kind: "closed", eventsAhead: EVENTS_AHEAD } as const;
  await run("warming up", closed);
  const highest =
    rate ?? (await run("the highest rate at which rows are written", closed)).rowsPerSecond;
  const half = (what: string) =>
    run(`${Math.round(highest / 2)} events/s ${what}`, {
      kind: "open",
      eventsPerSecond: highest / 2,
    });

  const rounds: Round[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const without = await half("without dashboards");
    const end = startDashboards(dashboards, { consoleUrl, plan });
    const withThem = await half(`with ${dashboards} dashboards`);
    rounds.push({ without: ingestOf(without), with: { ...ingestOf(withThem), seen: await end() } });
  }
  const sum = (of: (round: Round) => Ingest) =>
    rounds.reduce((total, round) => total + of(round).rowsPerSecond, 0);
  const [before, after] = [sum(({ without }) => without), sum((round) => round.with)];
  return { dashboards, highest, rounds, lossPct: 100 * (1 - after / before) };
}

const ingestOf = (phase: Ingest): Ingest => {
  const { eventsPerSecond, rowsPerSecond, isLagFlat, answer, rowAfterAnswer } = phase;
  return { eventsPerSecond, rowsPerSecond, isLagFlat, answer, rowAfterAnswer };
};
