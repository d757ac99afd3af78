import avsc from "avsc";
import type { RecordField, RecordSchema } from "../avro-schema.ts";
import { enumOf, isNumber, logicalTypeOf } from "../type-text.ts";
import type { Fault } from "./fault.ts";

/** The project's own rules on one schema, beyond Avro's; none of them needs another version. */
export function rulesBrokenBy(schema: RecordSchema): Fault[] {
  return [
    ...(hasText(schema.doc)
      ? []
      : [fault({ what: "has no doc", instead: "Say in its doc what one record is." })]),
    ...schema.fields.flatMap((field) => [
      ...wordsMissing(field),
      ...enumRules(field),
      ...timeRules(field),
    ]),
    ...(schema.fields.every(({ doc }) => hasText(doc)) ? avroFaults(schema) : []),
  ];
}

function wordsMissing(field: RecordField): Fault[] {
  const { name, doc, unit, type } = field;
  const faults: Fault[] = [];
  if (!hasText(doc)) {
    faults.push(
      fault({
        field: name,
        what: "has no doc",
        instead: 'Say in "doc" what a value means, and when it is null.',
      }),
    );
  }
  if (!("example" in field)) {
    faults.push(
      fault({
        field: name,
        what: "has no example",
        instead: 'Add "example" with a value as probes send it.',
      }),
    );
  }
  if (isNumber(type) && !hasText(unit)) {
    faults.push(
      fault({
        field: name,
        what: "is a number without a unit",
        instead: 'Add "unit": what the number counts, such as "ms", "percent" or "changes".',
      }),
    );
  }
  if (!/^[a-z][a-z0-9_]*$/.test(name)) {
    faults.push(
      fault({
        field: name,
        what: "is not in snake_case",
        instead: "Write it in small letters, with underscores.",
      }),
    );
  }
  return faults;
}

function enumRules({ name, type }: RecordField): Fault[] {
  const found = enumOf(type);
  if (found === undefined) return [];
  if (!hasText(found.doc)) {
    return [
      fault({
        field: name,
        what: `has an enum ${found.name} without a doc`,
        instead: "Say what each symbol means.",
      }),
    ];
  }
  if (found.symbols.includes(found.default)) return [];
  return [
    {
      field: name,
      what: `has an enum ${found.name} without a default among its symbols`,
      breaks: "old consumers",
      because: "they would stop at the first symbol that is added later",
      instead: 'Add a symbol "unknown" and "default": "unknown" to the enum.',
    },
  ];
}

/** Times are timestamp-micros: probes measure in microseconds, and one form spares every reader a question. */
function timeRules({ name, type, unit = "" }: RecordField): Fault[] {
  const logicalType = logicalTypeOf(type);
  const isTime =
    TIME_NAME.test(name) || unit.includes("since ") || logicalType?.startsWith("timestamp");
  if (!isTime || logicalType === "timestamp-micros") return [];
  return [
    {
      field: name,
      what: "is a time, but no timestamp-micros",
      breaks: "everybody who uses the value",
      because:
        "all other times here are microseconds since 1970, and databases are told so by the logical type",
      instead:
        'Use "type": {"type": "long", "logicalType": "timestamp-micros"} with "unit": "us since 1970-01-01T00:00:00Z".',
    },
  ];
}

const TIME_NAME = /(^|_)(at|time|timestamp|date)$/;

/** What Avro itself refuses: a default that its type does not have, a name used twice. */
function avroFaults(schema: RecordSchema): Fault[] {
  try {
    avsc.Type.forSchema(schema as avsc.Schema);
    return [];
  } catch (error) {
    return [
      {
        what: `is no Avro schema: ${error instanceof Error ? error.message : String(error)}`,
        breaks: "old and new consumers",
        because: "no client can read it",
        instead: "Mend it; Avro's specification has the rules.",
      },
    ];
  }
}

const fault = (words: Pick<Fault, "field" | "what" | "instead">): Fault => ({
  ...words,
  breaks: "whoever reads the catalogue",
  because: "they cannot tell what a value means",
});

const hasText = (text: string | undefined): boolean => text !== undefined && text.trim() !== "";
