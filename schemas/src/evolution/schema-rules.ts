import avsc from "avsc";
import type { RecordField, RecordSchema } from "../avro-schema.ts";
import { enumOf, isNumber, logicalTypeOf } from "../type-text.ts";
import type { Fault } from "./fault.ts";

/** Checks the project's own rules for a single schema, in addition to Avro's. */
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

/** Times are timestamp-micros: probes measure in microseconds, and all times have the same format. */
function timeRules({ name, type, unit = "" }: RecordField): Fault[] {
  const logicalType = logicalTypeOf(type);
  const isTime =
    TIME_NAME.test(name) || unit.includes("since ") || logicalType?.startsWith("timestamp");
  if (!isTime || logicalType === "timestamp-micros") return [];
  return [
    {
      field: name,
      what: "is a time, but not timestamp-micros",
      breaks: "everybody who uses the value",
      because:
        "all other times here are microseconds since 1970, and databases recognize them by the logical type",
      instead:
        'Use "type": {"type": "long", "logicalType": "timestamp-micros"} with "unit": "us since 1970-01-01T00:00:00Z".',
    },
  ];
}

const TIME_NAME = /(^|_)(at|time|timestamp|date)$/;

/** Checks Avro's own rules, e.g. that a default matches its type and that names are unique. */
function avroFaults(schema: RecordSchema): Fault[] {
  try {
    avsc.Type.forSchema(schema as avsc.Schema);
    return [];
  } catch (error) {
    return [
      {
        what: `is not a valid Avro schema: ${error instanceof Error ? error.message : String(error)}`,
        breaks: "old and new consumers",
        because: "no client can read it",
        instead: "Correct it; the rules are in Avro's specification.",
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
