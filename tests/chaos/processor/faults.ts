import { setTimeout as delay } from "node:timers/promises";
import type { RunningService } from "@fiberstream/testkit/service";
import type { TestBackingService } from "@fiberstream/testkit/test-backing-service";
import type { Options } from "./options.ts";

export type Victims = {
  /** Two; a killed one is replaced. */
  readonly processors: RunningService[];
  readonly startProcessor: () => Promise<RunningService>;
  readonly kafka: TestBackingService;
  readonly redis: TestBackingService;
  readonly postgres: TestBackingService;
};

type Fault = { readonly name: string; readonly strike: () => Promise<void> };

/** Strikes with every fault, in a random order, one after another with pauses of 0.5 to 4 s. */
export async function strikeAll(
  options: Options,
  victims: Victims,
  say: (what: string) => void,
): Promise<void> {
  const random = randomOf(options.seed);
  const faults = shuffled(faultsOf(options, victims, random), random);
  for (const [index, { name, strike }] of faults.entries()) {
    await delay(500 + random() * 3_500);
    say(`fault ${index + 1} of ${faults.length}: ${name}`);
    await strike();
  }
}

function faultsOf(options: Options, victims: Victims, random: () => number): Fault[] {
  const { processors, kafka } = victims;
  const pick = () => Math.floor(random() * processors.length);
  const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault);
  const away = (name: string, backingService: TestBackingService, seconds: number): Fault[] =>
    times(Math.sign(seconds), {
      name: `${name} is stopped for ${seconds} s`,
      strike: async () => {
        await backingService.stop();
        await delay(seconds * 1_000);
        await backingService.start();
      },
    });
  return [
    ...times(options.kills, {
      name: "a processor is killed",
      strike: async () => {
        const at = pick();
        await processors[at]?.kill("SIGKILL");
        processors[at] = await victims.startProcessor();
      },
    }),
    ...times(options.brokerKills, {
      name: "the broker is killed",
      strike: async () => {
        await kafka.kill();
        await kafka.start();
      },
    }),
    ...away("Redis", victims.redis, options.redisAway),
    ...away("PostgreSQL", victims.postgres, options.postgresAway),
    ...times(Math.sign(options.frozen), {
      name: `a processor is frozen for ${options.frozen} s and woken`,
      strike: async () => {
        const frozen = processors[pick()];
        await frozen?.kill("SIGSTOP");
        await delay(options.frozen * 1_000);
        await frozen?.kill("SIGCONT");
      },
    }),
  ];
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

const randomOf = (seed: number) => {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
};
