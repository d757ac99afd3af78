import { setTimeout as delay } from "node:timers/promises";
import type { RunningService } from "@fiberstream/testkit/service";
import type { TestBackingService } from "@fiberstream/testkit/test-backing-service";
import type { Options } from "./options.ts";

export type Victims = {
  /** Two processors; a killed one is replaced. */
  readonly processors: RunningService[];
  readonly startProcessor: () => Promise<RunningService>;
  readonly kafka: TestBackingService;
  readonly redis: TestBackingService;
  readonly postgres: TestBackingService;
};

type Fault = { readonly name: string; readonly inject: () => Promise<void> };

/** Injects all faults in random order, one after the other, with pauses of 0.5 to 4 s. */
export async function injectAll(
  options: Options,
  victims: Victims,
  say: (what: string) => void,
): Promise<void> {
  const random = randomOf(options.seed);
  const faults = shuffled(faultsOf(options, victims, random), random);
  for (const [index, { name, inject }] of faults.entries()) {
    await delay(500 + random() * 3_500);
    say(`fault ${index + 1} of ${faults.length}: ${name}`);
    await inject();
  }
}

function faultsOf(options: Options, victims: Victims, random: () => number): Fault[] {
  const { processors, kafka } = victims;
  const pick = () => Math.floor(random() * processors.length);
  const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault);
  const stopFor = (name: string, backingService: TestBackingService, seconds: number): Fault[] =>
    times(Math.sign(seconds), {
      name: `${name} is stopped for ${seconds} s`,
      inject: async () => {
        await backingService.stop();
        await delay(seconds * 1_000);
        await backingService.start();
      },
    });
  return [
    ...times(options.kills, {
      name: "a processor is killed",
      inject: async () => {
        const at = pick();
        await processors[at]?.kill("SIGKILL");
        processors[at] = await victims.startProcessor();
      },
    }),
    ...times(options.brokerKills, {
      name: "the broker is killed",
      inject: async () => {
        await kafka.kill();
        await kafka.start();
      },
    }),
    ...stopFor("Redis", victims.redis, options.redisAway),
    ...stopFor("PostgreSQL", victims.postgres, options.postgresAway),
    ...times(Math.sign(options.frozen), {
      name: `a processor is frozen for ${options.frozen} s and woken`,
      inject: async () => {
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
