import type { DeliveringProducer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { describe, expect, it } from "@jest/globals";
import { createDependencyState } from "../admission/dependency-state.ts";
import { createEventProducer } from "./event-producer.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const HOUR_MS = 3_600_000;
const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};

const numbersUpTo = (count: number) => Array.from({ length: count }, (_, number) => number);

/** Events that differ in their node only; the stand-in for the encoder writes that node's name. */
const events = (...nodes: string[]) => nodes.map((node_id) => ({ node_id }) as ProbeMetric);
const many = (count: number) => events(...numbersUpTo(count).map((n) => `n${n}`));
const encode = ({ node_id }: ProbeMetric, slab: Buffer, at: number) => at + slab.write(node_id, at);

type Call = {
  records: readonly OutgoingRecord[];
  done: () => void;
  /** Those at some indexes only, or all of them. */
  fail: (error: TransientError, indexes?: readonly number[]) => void;
};

/** Of a topic of which nothing is known, or with leaders that are in their nodes' names: "one:a" is led by "one". */
const leadersNamed = (names: readonly string[]) => ({
  partitions: 12,
  addressOf: () => undefined,
  channelOf: () => "",
  names,
  nameOfKey: (key: string) => key.split(":", 1)[0] ?? "",
});

/** A producer whose calls wait until the test settles them. */
function createHeldProducer(leaders: readonly string[] | undefined) {
  const calls: Call[] = [];
  let isClosed = false;
  const producer: Pick<DeliveringProducer, "deliver" | "leadersOf" | "close"> = {
    leadersOf: () => leaders && leadersNamed(leaders),
    deliver: (_topic, records) =>
      new Promise((resolve) =>
        calls.push({
          records,
          done: () => resolve(records.map(() => undefined)),
          fail: (error, indexes) =>
            resolve(
              records.map((_, index) => (indexes?.includes(index) === false ? undefined : error)),
            ),
        }),
      ),
    close: async () => {
      isClosed = true;
    },
  };
  return { producer, calls, isClosed: () => isClosed };
}

function createSubject(
  changes: {
    lingerMs?: number;
    batchMaxEvents?: number;
    produceMaxWaitMs?: number;
    encode?: typeof encode;
    leaders?: readonly string[];
  } = {},
) {
  const held = createHeldProducer(changes.leaders);
  const kafka = createDependencyState();
  const observed: number[] = [];
  const subject = createEventProducer({
    topic: "raw",
    producer: held.producer,
    encode,
    lingerMs: HOUR_MS,
    batchMaxEvents: 2,
    produceMaxWaitMs: HOUR_MS,
    kafka,
    observeProduceSeconds: (seconds) => observed.push(seconds),
    log,
    ...changes,
  });
  return { ...held, subject, kafka, observed };
}
const valuesOf = (call: Call | undefined) => call?.records.map(({ value }) => String(value));

describe("createEventProducer", () => {
  it("puts the events of several requests into one call, keyed by node", async () => {
    const { subject, calls, kafka, observed } = createSubject({ batchMaxEvents: 3 });
    const first = subject.produce(events("a"));
    const second = subject.produce(events("b", "c"), { traceparent: "00-1-2-01" });
    expect(subject.inFlightEvents()).toBe(3);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.records).toEqual([
      { key: "a", value: Buffer.from("a") },
      { key: "b", value: Buffer.from("b"), headers: { traceparent: "00-1-2-01" } },
      { key: "c", value: Buffer.from("c"), headers: { traceparent: "00-1-2-01" } },
    ]);
    calls[0]?.done();
    expect(await first).toEqual(["accepted"]);
    expect(await second).toEqual(["accepted", "accepted"]);
    expect(subject.inFlightEvents()).toBe(0);
    expect(kafka.isUp()).toBe(true);
    expect(observed).toHaveLength(1);
  });

  it("sends a batch that is not full after the linger time", async () => {
    const { subject, calls } = createSubject({ lingerMs: 1, batchMaxEvents: 1_000 });
    const delivered = subject.produce(events("a"));
    await until(() => calls.length > 0);
    calls[0]?.done();
    expect(await delivered).toEqual(["accepted"]);
  });

  it("reports for each event of a batch whether Kafka has it", async () => {
    const { subject, calls, kafka } = createSubject({ batchMaxEvents: 2 });
    const delivered = subject.produce(many(6));
    calls[0]?.fail(new TransientError("kafka", "not enough replicas"), [3]);
    expect(await delivered).toEqual([
      "accepted",
      "accepted",
      "accepted",
      "retry",
      "accepted",
      "accepted",
    ]);
    expect(kafka.isUp()).toBe(true);
  });

  it("keeps a request in one call, whatever its size, because only that keeps its order", async () => {
    const wide = ({ uptime_pct }: ProbeMetric, slab: Buffer, at: number) =>
      slab.writeInt32BE(uptime_pct ?? 0, at) + 4_096;
    const { subject, calls } = createSubject({ batchMaxEvents: 10, encode: wide });
    const first = subject.produce(events("before"));
    const large = subject.produce(
      numbersUpTo(500).map((number) => ({ node_id: "one", uptime_pct: number }) as ProbeMetric),
    );
    const after = subject.produce(events("after"));
    const closed = subject.close();
    expect(calls.map(({ records }) => records.length)).toEqual([1, 500, 1]);
    expect(calls[1]?.records.map(({ value }) => value?.readInt32BE())).toEqual(numbersUpTo(500));
    for (const call of calls) call.done();
    await closed;
    expect((await Promise.all([first, large, after])).flat()).toEqual(
      numbersUpTo(502).map(() => "accepted"),
    );
  });

  it("marks Kafka as unavailable when a call fails", async () => {
    const { subject, calls, kafka } = createSubject({ batchMaxEvents: 1 });
    kafka.ok();
    const delivered = subject.produce(events("a"));
    calls[0]?.fail(new TransientError("kafka", "connection refused"));
    expect(await delivered).toEqual(["retry"]);
    expect(kafka.isUp()).toBe(false);
  });

  it("also answers requests that wait behind a failing call at once", async () => {
    const { subject, calls } = createSubject({ batchMaxEvents: 1 });
    const sent = many(4).map((event) => subject.produce([event]));
    const behind = subject.produce(events("x", "y"));
    calls[0]?.fail(new TransientError("kafka", "connection refused"));
    expect(await behind).toEqual(["retry", "retry"]);
    for (const call of calls) call.done();
    expect((await Promise.all(sent)).flat()).toEqual(["retry", "accepted", "accepted", "accepted"]);
    expect(calls).toHaveLength(4);
  });

  it("lets no request wait longer than PRODUCE_MAX_WAIT_MS", async () => {
    const { subject, calls, kafka } = createSubject({ batchMaxEvents: 1, produceMaxWaitMs: 5 });
    kafka.ok();
    expect(await subject.produce(events("a"))).toEqual(["retry"]);
    expect(kafka.isUp()).toBe(false);
    calls[0]?.done();
    expect(await subject.produce([])).toEqual([]);
  });

  it("keeps four calls in flight, and fills the next one meanwhile", async () => {
    const { subject, calls } = createSubject({ batchMaxEvents: 3 });
    const full = numbersUpTo(4).map(() => subject.produce(many(3)));
    expect(calls).toHaveLength(4);
    const later = [subject.produce(events("x")), subject.produce(events("y"))];
    const closed = subject.close();
    expect(calls).toHaveLength(4);
    calls[0]?.done();
    await until(() => calls.length > 4);
    expect(valuesOf(calls[4])).toEqual(["x", "y"]);
    for (const call of calls) call.done();
    await closed;
    expect(new Set((await Promise.all(full)).flat())).toEqual(new Set(["accepted"]));
    expect(await Promise.all(later)).toEqual([["accepted"], ["accepted"]]);
  });

  it("never writes into a slab whose records may still be read", async () => {
    const { subject, calls } = createSubject({ batchMaxEvents: 2 });
    const seen: (string[] | undefined)[] = [];
    for (const round of [0, 1, 2]) {
      const delivered = subject.produce(events(`a${round}`, `b${round}`));
      seen.push(valuesOf(calls.at(-1)));
      calls.at(-1)?.done();
      await delivered;
    }
    expect(seen).toEqual([
      ["a0", "b0"],
      ["a1", "b1"],
      ["a2", "b2"],
    ]);
    const held = ["n", "o", "p"].map((name) => subject.produce(events(`${name}0`, `${name}1`)));
    expect(calls.slice(3).map(valuesOf)).toEqual([
      ["n0", "n1"],
      ["o0", "o1"],
      ["p0", "p1"],
    ]);
    for (const call of calls) call.done();
    await Promise.all(held);
  });

  it("sends its open batches before it closes", async () => {
    const { subject, calls, isClosed } = createSubject({ batchMaxEvents: 1_000 });
    const delivered = subject.produce(events("a"));
    const closed = subject.close();
    expect(valuesOf(calls[0])).toEqual(["a"]);
    expect(isClosed()).toBe(false);
    calls[0]?.done();
    await closed;
    expect(isClosed()).toBe(true);
    expect(await delivered).toEqual(["accepted"]);
  });

  it("sends each leader its own events, in order, and reports on all of them together", async () => {
    const { subject, calls } = createSubject({ leaders: ["one", "two"], batchMaxEvents: 2 });
    const delivered = subject.produce(events("one:a", "two:b", "two:c", "one:d"));
    expect(calls.map(valuesOf)).toEqual([
      ["one:a", "one:d"],
      ["two:b", "two:c"],
    ]);
    calls[0]?.done();
    calls[1]?.fail(new TransientError("kafka", "not enough replicas"), [1]);
    expect(await delivered).toEqual(["accepted", "accepted", "retry", "accepted"]);
    expect(subject.inFlightEvents()).toBe(0);
  });

  it("delays only the events of the leader that hangs", async () => {
    const { subject, calls } = createSubject({ leaders: ["one", "two"], batchMaxEvents: 1 });
    const hanging = ["a", "b", "c", "d", "e", "f"].map((node) =>
      subject.produce(events(`one:${node}`)),
    );
    for (const { node_id } of many(20)) {
      const delivered = subject.produce(events(`two:${node_id}`));
      calls.at(-1)?.done();
      expect(await delivered).toEqual(["accepted"]);
    }
    expect(calls).toHaveLength(4 + 20);
    expect(subject.inFlightEvents()).toBe(6);
    await until(() => {
      for (const call of calls) call.done();
      return calls.length === 6 + 20;
    });
    for (const call of calls) call.done();
    expect(new Set((await Promise.all(hanging)).flat())).toEqual(new Set(["accepted"]));
  });

  it("asks for a retry only of the events of a silent leader", async () => {
    const changes = { leaders: ["one", "two"], batchMaxEvents: 1, produceMaxWaitMs: 5 };
    const { subject, calls, kafka } = createSubject(changes);
    kafka.ok();
    expect(await subject.produce(events("one:a"))).toEqual(["retry"]);
    expect(subject.silentLeaders()).toBe(1);
    expect(kafka.isUp()).toBe(true);
    const mixed = subject.produce(events("one:b", "two:b"));
    expect(calls.slice(1).map(valuesOf)).toEqual([["two:b"]]);
    calls[1]?.done();
    expect(await mixed).toEqual(["retry", "accepted"]);
  });

  it("probes a silent leader with one call at a time until it answers", async () => {
    const { subject, calls, kafka } = createSubject({
      leaders: ["one", "two"],
      batchMaxEvents: 1,
    });
    kafka.ok();
    const failed = subject.produce(events("one:a"));
    calls[0]?.fail(new TransientError("kafka", "connection refused"));
    expect(await failed).toEqual(["retry"]);
    expect([subject.silentLeaders(), kafka.isUp()]).toEqual([1, true]);
    const tried = subject.produce(events("one:b"));
    expect(await subject.produce(events("one:c"))).toEqual(["retry"]);
    expect(calls).toHaveLength(2);
    calls[1]?.done();
    expect(await tried).toEqual(["accepted"]);
    expect(subject.silentLeaders()).toBe(0);
    const after = ["d", "e"].map((node) => subject.produce(events(`one:${node}`)));
    expect(calls).toHaveLength(4);
    for (const call of calls) call.done();
    expect((await Promise.all(after)).flat()).toEqual(["accepted", "accepted"]);
  });

  it("marks Kafka as unavailable when all leaders are silent", async () => {
    const { subject, calls, kafka } = createSubject({
      leaders: ["one", "two"],
      batchMaxEvents: 1,
    });
    kafka.ok();
    const sent = subject.produce(events("one:a", "two:b"));
    for (const call of calls) call.fail(new TransientError("kafka", "connection refused"));
    expect(await sent).toEqual(["retry", "retry"]);
    expect(kafka.isUp()).toBe(false);
  });

  it("does not wait if a request has no valid event", async () => {
    const { subject, calls } = createSubject();
    expect(await subject.produce([])).toEqual([]);
    expect(calls).toHaveLength(0);
    await subject.close();
  });
});
