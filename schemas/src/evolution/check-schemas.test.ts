import { describe, expect, it } from "@jest/globals";
import type { RecordField, RecordSchema } from "../avro-schema.ts";
import { type AvroTopic, readSchemaTree } from "../avro-topics.ts";
import { readReleasedVersions } from "../released-versions.ts";
import { unreleasedOf, unreleasedText } from "../unreleased.ts";
import { checkSchemas, problemText } from "./check-schemas.ts";

const released = readReleasedVersions();

it("has only schemas in schemas/avro that break nobody, each of them released", () => {
  const tree = readSchemaTree();
  const problems = checkSchemas(tree, released).map(problemText);
  const advice = problems.length > 0 ? problems : unreleasedOf(tree, released).map(unreleasedText);
  // Thrown as it is: whoever edited a schema reads the sentences, not a comparison of texts.
  if (advice.length > 0) throw new Error(`\n\n${advice.join("\n\n")}\n`);
});

type Edit = (fields: RecordField[]) => RecordField[];

/** What the check says of the latest released schemas with some replaced by edited copies. */
function saidOf(edits: Partial<Record<AvroTopic, Edit>>, known = released): string[] {
  const tree = latestTree();
  for (const [topic, edit] of Object.entries(edits) as [AvroTopic, Edit][]) {
    tree[topic] = { ...tree[topic], fields: edit(structuredClone(tree[topic].fields)) };
  }
  return checkSchemas(tree, known).map(problemText);
}

const latestTree = (): Record<AvroTopic, RecordSchema> =>
  Object.fromEntries(released.map(({ topic, schema }) => [topic, schema])) as Record<
    AvroTopic,
    RecordSchema
  >;

const without = (name: string) => (fields: RecordField[]) =>
  fields.filter((field) => field.name !== name);
const changed = (name: string, change: Partial<RecordField>) => (fields: RecordField[]) =>
  fields.map((field) => (field.name === name ? { ...field, ...change } : field));
const appended = (field: Partial<RecordField>) => (fields: RecordField[]) => [
  ...fields,
  {
    name: "altitude",
    type: "double",
    unit: "m",
    doc: "Height above the sea.",
    example: 61,
    setBy: "probe",
    role: "content",
    ...field,
  } as RecordField,
];

describe("fiber schemas check", () => {
  it("tells whom the loss of a field breaks, and what to do instead", () => {
    const known = [1, 2, 3, 5].flatMap((version) => released.map((one) => ({ ...one, version })));
    const brokenIn = (versions: string) => [
      `schemas/avro/ProbeAlert.avsc: the field "value" was removed, and it had no default.
  Breaks: old consumers (${versions}): they need "value" and stop at the first record without it.
  Instead: Restore it. A field without a default can never be removed; say in its doc if it is no longer filled.`,
    ];
    const edits = { "probe.alerts": without("value") };
    const upTo = (version: number) => known.filter((one) => one.version <= version);
    expect(saidOf(edits, upTo(1))).toEqual(brokenIn("version 1"));
    expect(saidOf(edits, upTo(3))).toEqual(brokenIn("versions 1 to 3"));
    expect(saidOf(edits, upTo(5))).toEqual(brokenIn("versions 1, 2, 3, 5"));
  });

  it.each<[string, AvroTopic, Edit, RegExp]>([
    [
      "a new field without a default",
      "probe.nodes",
      appended({}),
      /"altitude" is new and has no default\.\n {2}Breaks: new consumers \(versions? 1( to \d+)?\).*\n.*"default": null/,
    ],
    [
      "a rename",
      "probe.nodes",
      changed("city", { name: "town" }),
      /"city" was removed, and "town" with the same type was added: that looks like a rename.*\n.*\n.*"aliases": \["city"\]/,
    ],
    [
      "another type",
      "probe.nodes",
      changed("revision", { type: "string" }),
      /"revision" was long and is now string\.\n {2}Breaks: old and new consumers.*\n.*with another name and a default/,
    ],
    [
      "a wider type, which only new consumers can read",
      "probe.nodes",
      changed("created_at", { type: ["null", { type: "long", logicalType: "timestamp-micros" }] }),
      /"created_at" was long \(timestamp-micros\) and is now .*, or null\.\n {2}Breaks: old consumers/,
    ],
    [
      "another unit",
      "probe.metrics.enriched",
      changed("ingest_delay_ms", { unit: "s" }),
      /"ingest_delay_ms" was in "ms" and is now in "s"\.\n {2}Breaks: everybody who uses the value/,
    ],
    [
      "another default",
      "probe.alerts",
      changed("resolve_below", { default: -1 }),
      /has the default -1, and had 0\./,
    ],
    [
      "a time that is text",
      "probe.nodes",
      appended({ name: "moved_at", type: ["null", "string"], default: null }),
      /"moved_at" is a time, but not timestamp-micros/,
    ],
    [
      "a number without a unit",
      "probe.nodes",
      appended({ unit: "", default: 0 }),
      /"altitude" is a number without a unit/,
    ],
    ["no doc", "probe.nodes", appended({ doc: "", default: 0 }), /"altitude" has no doc/],
    [
      "a symbol that is gone",
      "probe.alerts",
      changed("kind", {
        type: {
          type: "enum",
          name: "AlertKind",
          symbols: ["unknown", "latency"],
          default: "unknown",
          doc: "Kinds.",
        },
      }),
      /"kind" no longer has the symbol "packet_loss"/,
    ],
    [
      "an enum without a default",
      "probe.nodes",
      appended({
        type: {
          type: "enum",
          name: "Kind",
          symbols: ["a", "b"],
          doc: "Kinds.",
        } as unknown as RecordField["type"],
        default: "a",
      }),
      /enum Kind without a default among its symbols/,
    ],
    [
      "a field in the middle",
      "probe.nodes",
      (fields) => appended({ default: 0 })([]).concat(fields),
      /"altitude" is new and comes before older fields/,
    ],
    [
      "fields that changed places",
      "probe.nodes",
      (fields) => fields.toReversed(),
      /was moved behind fields that used to follow it/,
    ],
    [
      "a default that its type does not have",
      "probe.nodes",
      appended({ default: "none" }),
      /is not a valid Avro schema/,
    ],
    [
      "a raw field that its enriched record lacks",
      "probe.metrics.raw",
      appended({ default: 0 }),
      /"altitude" is in ProbeMetric\.avsc, but not in EnrichedProbeMetric\.avsc/,
    ],
    [
      "a raw field of which nobody knows what it is for",
      "probe.metrics.raw",
      appended({ default: 0, role: "receipt" }),
      /"altitude" has setBy "probe" and role "receipt"\.\n.*\n.*"setBy": "probe" with "role": "content"/,
    ],
    [
      "a field that probes send in a form without a rule",
      "probe.metrics.raw",
      appended({ type: "bytes", default: "" }),
      /"altitude" is sent by probes and has a type that the gateway has no rule for/,
    ],
    [
      "a text of any length from probes",
      "probe.metrics.raw",
      appended({ type: ["null", "string"], default: null }),
      /"altitude" is a text of any length/,
    ],
    [
      "an array of any length from probes",
      "probe.metrics.raw",
      appended({ type: ["null", { type: "array", items: "double" }], default: null }),
      /"altitude" is an array of any length\.\n.*\n.*"maxItems"/,
    ],
    [
      "a rule about a field that probes do not send",
      "probe.metrics.raw",
      appended({ default: 0, atMost: "received_at" }),
      /"altitude" has a rule about "received_at", which probes do not send/,
    ],
    [
      "a condition about a field that probes do not send",
      "probe.metrics.raw",
      appended({ type: ["null", "double"], default: null, nullOnlyIf: [{ field: "weather" }] }),
      /"altitude" has a rule about "weather", which probes do not send/,
    ],
    [
      "a new field of the identity",
      "probe.metrics.raw",
      appended({ default: 0, role: "identity" }),
      /"altitude" is new and has the role "identity"\.\n.*another event_id/,
    ],
    [
      "another role",
      "probe.metrics.enriched",
      changed("latency_ms", { role: "receipt" }),
      /"latency_ms" had the role "content" and has now "receipt"/,
    ],
    [
      "a raw field that differs from the enriched one",
      "probe.metrics.raw",
      changed("region", { maxLength: 200 }),
      /"region" differs between ProbeMetric\.avsc and EnrichedProbeMetric\.avsc/,
    ],
  ])("refuses %s", (_what, topic, edit, words) => {
    expect(saidOf({ [topic]: edit }).join("\n")).toMatch(words);
  });

  it("lets through what every consumer bears", () => {
    const altitude = appended({ default: 0 });
    const rawFields = latestTree()["probe.metrics.raw"].fields.length;
    expect(saidOf({ "probe.nodes": altitude })).toEqual([]);
    expect(saidOf({ "probe.nodes": without("city") })).toEqual([]);
    expect(saidOf({ "probe.nodes": changed("city", { doc: "Its town." }) })).toEqual([]);
    const renamed = changed("city", { name: "town", aliases: ["city"] });
    expect(saidOf({ "probe.nodes": renamed })).toEqual([]);
    expect(
      saidOf({
        "probe.metrics.raw": altitude,
        "probe.metrics.enriched": (fields) => [
          ...altitude(fields.slice(0, rawFields)),
          ...fields.slice(rawFields),
        ],
      }),
    ).toEqual([]);
  });

  it("asks to release what is let through", () => {
    const tree = latestTree();
    const fields = appended({ default: 0 })(tree["probe.nodes"].fields);
    const [unreleased] = unreleasedOf(
      { ...tree, "probe.nodes": { ...tree["probe.nodes"], fields } },
      released,
    ).map(unreleasedText);
    expect(unreleased).toContain("npm run fiber -- schemas release --note");
  });
});
