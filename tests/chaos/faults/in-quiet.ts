import { setTimeout as delay } from "node:timers/promises";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { sumOfSinkOffsets } from "../check/count-rows.ts";
import { type FoundRecord, readStage, TOPIC_OF } from "../check/read-topics.ts";
import type { Gate } from "../load/gate.ts";
import type { BackingServices } from "../platform/backing-services.ts";
import { chaosKafka } from "./with-admin.ts";

/** Sinks whose offsets have not changed for so long are idle. */
const REST_MS = 2_000;

/**
 * Runs `work` while nothing is sent or in flight.
 *
 * @param options.settle resolves when all accepted events are rows
 * @param options.enriched called with each record of the enriched topic, before `work` may delete them
 */
export async function inQuiet(
  work: () => Promise<void>,
  options: {
    gate: Gate;
    settle: () => Promise<void>;
    backingServices: BackingServices;
    enriched: (found: FoundRecord) => void;
  },
): Promise<void> {
  const { gate, backingServices } = options;
  gate.close();
  try {
    await options.settle();
    await untilSinksRest(backingServices.databaseUrl);
    for (const found of await readEnriched(backingServices)) options.enriched(found);
    await work();
  } finally {
    gate.open();
  }
}

/** Waits until the sinks' offsets do not change for a while: then they have also written the dead letters of bad records, which have no rows. */
async function untilSinksRest(databaseUrl: string): Promise<void> {
  const sum = () => sumOfSinkOffsets(databaseUrl);
  for (let before = -1, now = await sum(); now !== before; now = await sum()) {
    before = now;
    await delay(REST_MS);
  }
}

/** Reads all records of the enriched topic. */
async function readEnriched(backingServices: BackingServices): Promise<FoundRecord[]> {
  const reader = await connectTopicReader({ kafka: chaosKafka(backingServices.brokers) });
  const registry = createSchemaRegistry({ url: backingServices.of("registry").address });
  const found: FoundRecord[] = [];
  try {
    const topic = TOPIC_OF.enriched;
    for await (const one of readStage({ reader, registry, stage: "enriched", topic })) {
      found.push(one);
    }
    return found;
  } finally {
    await reader.close();
  }
}
