import { createHash } from "node:crypto";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { plainExample } from "../harness/plain-example.ts";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";

const type = avsc.Type.forSchema(readAvroSchema("ProbeMetric") as avsc.Schema);

export type Mix = { readonly nodes: number; readonly unknown: number; readonly bad: number };

/** Creates raw records of 140 bytes of Avro. Nodes take turns; the same number gives the same record. */
export function createRawRecords(options: { schemaId: number; mix: Mix; run: string }) {
  const { schemaId, mix, run } = options;
  const startUs = Date.now() * 1_000;

  const valueOf = (metric: ProbeMetric): Buffer => {
    const avro = type.toBuffer(metric);
    const value = wireValue(schemaId, avro);
    return value;
  };

  return {
    nodeIds: () => Array.from({ length: mix.nodes }, (_, node) => `probe-${node}`),
    record: (number: number): OutgoingRecord => {
      const dice = diceOf(number);
      const isUnknown = dice < mix.unknown;
      const node_id = isUnknown ? `new-${run}-${number}` : `probe-${number % mix.nodes}`;
      if (!isUnknown && dice < mix.unknown + mix.bad) {
        return { key: node_id, value: Buffer.from("not an event") };
      }
      const event_id = uuidOf(`${run} ${number}`);
      return { key: node_id, value: valueOf(metricOf({ node_id, event_id, number, startUs })) };
    },
  };
}

/** Has a value for the fields that are not set below. */
const EXAMPLE = plainExample("ProbeMetric");

const metricOf = (of: {
  node_id: string;
  event_id: string;
  number: number;
  startUs: number;
}): ProbeMetric => ({
  ...EXAMPLE,
  event_id: of.event_id,
  tenant: "default",
  node_id: of.node_id,
  country: "GH",
  region: "Greater Accra",
  latency_ms: 40 + (of.number % 17) / 2,
  uptime_pct: 99.9,
  packet_loss: of.number % 50 === 0 ? 1 : 0,
  timestamp: of.startUs + of.number,
  target_host: "one.example.net",
  probe_type: "ping",
  metadata: '{"version":"2.1.0"}',
  source_region: null,
  received_at: of.startUs + of.number + 20_000,
});

function uuidOf(text: string): string {
  const hex = createHash("md5").update(text).digest("hex");
  const parts = [0, 8, 12, 16, 20, 32];
  return parts
    .slice(1)
    .map((end, at) => hex.slice(parts[at], end))
    .join("-");
}

/** Returns a number from 0 to 100, evenly distributed. */
const diceOf = (number: number): number => ((Math.imul(number, 0x9e3779b1) >>> 0) / 2 ** 32) * 100;
