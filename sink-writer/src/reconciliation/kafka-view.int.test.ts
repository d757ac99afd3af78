import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { ensureTopics } from "@fiberstream/kafka/topic-admin";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { type LedgerEntry, writeEntry } from "@fiberstream/reconciliation/ledger-entry";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createKafkaView, type KafkaView } from "./kafka-view.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

let life: Life;
let topic: string;
let view: KafkaView;
beforeEach(async () => {
  life = createLife();
  const namespace = testNamespace();
  topic = topicIn(namespace, "probe.reconciliation");
  await createTopic();
  view = life.own(createKafkaView({ kafka, namespace }), (owned) => owned.close());
});
afterEach(() => life.stop());

const createTopic = () => ensureTopics({ kafka, topics: [{ topic, partitions: 1, config: {} }] });

const entryOf = (from: number): LedgerEntry => ({
  partition: 3,
  log: "t",
  from: BigInt(from),
  to: BigInt(from + 1),
  begins: false,
  records: 1,
  minutes: new Map(),
});
async function write(count: number): Promise<void> {
  const producer: Producer = await connectProducer({ kafka });
  try {
    const records = Array.from({ length: count }, (_, at) => ({
      key: "3",
      value: Buffer.from(writeEntry(entryOf(at))),
    }));
    await producer.send(topic, records);
  } finally {
    await producer.close();
  }
}
const read = async (position: { log: string; offset: bigint }) => {
  const { entries, next, areLost } = await view.entriesFrom(position);
  return { from: entries.map(({ from }) => Number(from)), next: next.offset, areLost };
};

describe("entries of probe.reconciliation", () => {
  it("are read from a position on, and are lost if the topic ends before it", async () => {
    expect(await read({ log: "", offset: 0n })).toEqual({ from: [], next: 0n, areLost: false });
    await write(5);
    const { next } = await view.entriesFrom({ log: "", offset: 0n });
    const { log: id } = next;
    expect(await read({ log: id, offset: 3n })).toEqual({ from: [3, 4], next: 5n, areLost: false });
    expect(await read(next)).toEqual({ from: [], next: 5n, areLost: false });
    // Without an id it may be the same log: what was read of it must not be read again.
    for (const known of [id, ""]) {
      expect(await read({ log: known, offset: 1_000n })).toEqual({
        from: [],
        next: 5n,
        areLost: true,
      });
    }
  });

  it("are read from the beginning of a topic that was recreated, however long it is", async () => {
    await write(2);
    const { next } = await view.entriesFrom({ log: "", offset: 0n });
    const admin = life.own(kafka.admin(), (owned) => owned.disconnect());
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await until(async () => !(await admin.listTopics()).includes(topic), { what: "it is deleted" });
    await createTopic();
    await write(4);
    const found = await view.entriesFrom(next);
    expect(found.next.log).not.toBe(next.log);
    expect(await read(next)).toEqual({ from: [0, 1, 2, 3], next: 4n, areLost: true });
    expect(await read(found.next)).toEqual({ from: [], next: 4n, areLost: false });
  });
});
