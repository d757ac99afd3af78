import { renderTable } from "@fiberstream/terminal/table";
import type { RunningService } from "@fiberstream/testkit/service";
import { createToken } from "../harness/api-token.ts";
import { type BenchContext, runCommand, withBenchContext } from "../harness/command.ts";
import { startSharedTestkit } from "../harness/shared-testkit.ts";
import type { Progress } from "../harness/progress.ts";
import { measureHostile } from "./hostile/measure-hostile.ts";
import { renderHostile } from "./hostile/render-hostile.ts";
import { measure, type Measured } from "./measure.ts";
import { createCommand, type Options } from "./options.ts";
import { profileEnvironment } from "./profile-environment.ts";
import { SCENARIOS } from "./scenarios.ts";
import { measureTurns } from "./turns.ts";

const WARM_UP_SECONDS = 3;

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  if (options.turns) {
    process.stdout.write(await measureTurns());
    return;
  }
  if (options.hostile) {
    const figures = await withBenchContext((context) => measureHostile(options, context));
    process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : renderHostile(figures));
    return;
  }
  const measured = await withBenchContext((context) => measureAll(options, context));
  process.stdout.write(options.json ? `${JSON.stringify(measured)}\n` : render(measured));
}

async function measureAll(options: Options, { life, progress }: BenchContext): Promise<Measured[]> {
  const { createTestDatabase, createTestTopics, startService } = await startSharedTestkit({
    life,
    progress,
  });
  await createTestTopics("");
  const { url: databaseUrl } = await createTestDatabase();
  const measured: Measured[] = [];
  const modes = options.keys === "both" ? (["without", "with"] as const) : [options.keys];
  for (const mode of modes) {
    const token = mode === "with" ? await createToken(databaseUrl, { tenant: "bench" }) : undefined;
    const gateway = await startService("ingest-gateway", {
      DATABASE_URL: databaseUrl,
      AUTH_MODE: token === undefined ? "open" : "keys",
      LOG_LEVEL: "warn",
      ...profileEnvironment(options.profile),
    });
    measured.push(...(await measureGateway(gateway, { ...options, token, progress })));
    await gateway.stop();
  }
  return measured;
}

async function measureGateway(
  gateway: RunningService,
  how: Options & { token: string | undefined; progress: Progress },
): Promise<Measured[]> {
  const { only, seconds, token, progress } = how;
  const measured: Measured[] = [];
  const mode = token === undefined ? "without keys" : "with keys";
  for (const scenario of SCENARIOS.filter(({ name }) => only === undefined || name === only)) {
    const { name } = scenario;
    progress.step(`${name}, ${mode}`);
    await measure(gateway, scenario, { name, token, seconds: WARM_UP_SECONDS });
    const full = await measure(gateway, scenario, { name, token, seconds });
    measured.push(full);
    if (name !== "single") continue;
    progress.step(`${name} at half, ${mode}`);
    const rate = Math.round(full.requestsPerSecond / 2);
    measured.push(
      await measure(gateway, scenario, { name: `${name} at half`, token, seconds, rate }),
    );
  }
  return measured;
}

function render(measured: readonly Measured[]): string {
  const ms = (value: number) => value.toFixed(1);
  const rows = measured.map((one) => [
    one.name,
    one.keys ? "yes" : "no",
    String(Math.round(one.requestsPerSecond)),
    String(Math.round(one.eventsPerSecond)),
    one.cpuUsPerEvent.toFixed(1),
    `${Math.round(one.cpuPercent)} %`,
    ms(one.p50Ms),
    ms(one.p95Ms),
    ms(one.p99Ms),
    String(Math.round(one.peakRssMb)),
    Object.entries(one.others)
      .map(([status, count]) => `${count} x ${status}`)
      .join(", "),
  ]);
  const heading = [
    "SENDING",
    "KEYS",
    "REQUESTS/s",
    "EVENTS/s",
    "CPU us/EVENT",
    "OF A CORE",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "PEAK RSS MB",
    "NOT 202",
  ];
  return `${renderTable([heading, ...rows])}\n`;
}
