import avsc from "avsc";
import type { AvroSchema, EnumSchema, RecordField } from "../avro-schema.ts";
import { enumOf, typeText } from "../type-text.ts";
import type { Fault, Victim } from "./fault.ts";

/** Finds what breaks, in both directions, when `field` gets the type of `heir`. */
export function typeFaults(field: RecordField, heir: RecordField): Fault[] {
  const [before, now] = [enumOf(field.type), enumOf(heir.type)];
  if (before && now && sameButSymbols(field.type, heir.type)) return enumFaults(field, before, now);
  if (shapeOf(field.type) === shapeOf(heir.type)) return [];
  return [
    {
      field: field.name,
      what: `was ${typeText(field.type)} and is now ${typeText(heir.type)}`,
      breaks: victimOf(field.type, heir.type),
      because: "the bytes of one type cannot be read as the other",
      instead: `Leave "${field.name}" as it is and add a field of the new type with another name and a default.`,
    },
  ];
}

function enumFaults(field: RecordField, before: EnumSchema, now: EnumSchema): Fault[] {
  const lost = before.symbols.filter((symbol) => !now.symbols.includes(symbol));
  const faults: Fault[] = lost.map((symbol) => ({
    field: field.name,
    what: `no longer has the symbol "${symbol}"`,
    breaks: "new consumers",
    because: `they read the topic's "${symbol}" as "${now.default}", or not at all`,
    instead: `Keep "${symbol}"; say in the enum's doc if it is no longer written.`,
  }));
  if (now.symbols.length > before.symbols.length && before.default === undefined) {
    faults.push({
      field: field.name,
      what: `has new symbols, and the earlier enum ${before.name} had no default`,
      breaks: "old consumers",
      because: "they stop at the first record with a symbol that they do not know",
      instead: "Put the new values into a new field, an enum with a default.",
    });
  }
  if (before.default !== undefined && before.default !== now.default) {
    faults.push({
      field: field.name,
      what: `reads unknown symbols as "${now.default}" now, and as "${before.default}" before`,
      breaks: "everybody who uses the value",
      because: "the same record would be read differently",
      instead: `Keep the enum's default "${before.default}".`,
    });
  }
  return faults;
}

/** Determines which readers fail, by Avro's schema resolution. */
function victimOf(before: AvroSchema, now: AvroSchema): Victim {
  const breaksOld = !canRead(before, now);
  const breaksNew = !canRead(now, before);
  if (breaksOld && breaksNew) return "old and new consumers";
  if (breaksOld) return "old consumers";
  return breaksNew ? "new consumers" : "everybody who uses the value";
}

function canRead(reader: AvroSchema, writer: AvroSchema): boolean {
  const [readerType, writerType] = [reader, writer].map((type) =>
    avsc.Type.forSchema({
      type: "record",
      name: "One",
      fields: [{ name: "it", type }],
    } as avsc.Schema),
  );
  try {
    if (readerType && writerType) readerType.createResolver(writerType);
    return true;
  } catch {
    return false;
  }
}

/** A type without docs. */
export const shapeOf = (type: AvroSchema): string =>
  JSON.stringify(type, (key, value: unknown) => (key === "doc" ? undefined : value));

const sameButSymbols = (a: AvroSchema, b: AvroSchema): boolean => {
  const [first, second] = [a, b].map((type) =>
    JSON.stringify(type, (key, value: unknown) =>
      key === "doc" || key === "symbols" || key === "default" ? undefined : value,
    ),
  );
  return first === second;
};
