import type avsc from "avsc";
import { cursor } from "./avro-cursor.ts";
import { type AvroField, type AvroNode, fieldsOf } from "./avro-node.ts";
import { createExtraFields, type ExtraFields } from "./extra-fields.ts";
import { LENGTH, readIndex, skipCode, UNDECODABLE, WRITTEN } from "./skip-code.ts";
import { NOT_STORED, type TableLayout } from "./table-layout.ts";
import { ARRAY_BYTES, columnCode, constantCode, MAX_FIXED_FIELD_BYTES } from "./tuple-code.ts";
import type { TupleSlab } from "./tuple-slab.ts";

/**
 * Appends the record in `src` from `from` to `end` (Avro without the wire prefix) to the slab as a row.
 * @returns WRITTEN; or UNDECODABLE or NOT_A_UUID, then the slab is unchanged
 */
export type WriteTuple = (src: Buffer, from: number, end: number, slab: TupleSlab) => number;

/**
 * Generates the function for one writer schema. It reads the record once to find its fields, and copies them into the
 * row without creating an object or a string. Measured: 0.35 us a row; decoding to an object and writing that took
 * 1.5 us (docs/adr/0018-generated-tuple-writer.md).
 *
 * @param options.readerType the record as this version knows it, with the defaults of fields that the writer lacks
 * @returns undefined if the field of a column has another type than the reader's, as Avro allows (int for long): then
 *   the record has to be decoded to the reader's type first
 */
export function createTupleWriter(options: {
  writerType: avsc.Type;
  readerType: avsc.Type;
  layout: TableLayout;
}): WriteTuple | undefined {
  const { layout } = options;
  const fields = fieldsOf(options.writerType);
  const readerFields = new Map(fieldsOf(options.readerType).map((field) => [field.name, field]));
  const columnOf = new Map(layout.columns.map((column) => [column.field, column]));

  const scan: string[] = [];
  const extras: { name: string; index: number }[] = [];
  for (const [index, field] of fields.entries()) {
    const column = columnOf.get(field.name);
    const code = column
      ? locateCode(field, index)
      : skipFieldCode(field, index, { isStored: isExtra(field.name, layout) });
    if (code === undefined) return undefined;
    if (column === undefined && isExtra(field.name, layout)) {
      extras.push({ name: field.name, index });
    }
    scan.push(code);
  }

  const emit: string[] = [];
  /** The items of an array take half as much again as in Avro. */
  const arrays: number[] = [];
  let constantBytes = 0;
  for (const column of layout.columns) {
    const index = fields.findIndex(({ name }) => name === column.field);
    const field = fields[index];
    if (field === undefined) {
      const { code, bytes } = constantCode(column, defaultOf(options.readerType, column.field));
      constantBytes += bytes;
      emit.push(code);
      continue;
    }
    const code = columnCode(column, index, {
      writer: valueNode(field.type),
      reader: valueNode(readerFields.get(field.name)?.type ?? field.type),
    });
    if (code === undefined) return undefined;
    constantBytes += longestSymbolBytes(valueNode(field.type));
    if (column.kind === "float8[]") {
      arrays.push(index);
      constantBytes += ARRAY_BYTES;
    }
    emit.push(code);
  }

  const count = layout.columns.length + (layout.hasExtra ? 1 : 0);
  const maxBesideTextBytes = count * MAX_FIXED_FIELD_BYTES + constantBytes + 2;
  const source = `return function writeTuple(src, pos, end, slab) {
"use strict";
const first = pos;
let n = 0;
${scan.join("")}if (pos !== end) return ${UNDECODABLE};
${extras.length > 0 ? `const extra = x(src, [${extras.map(({ index }) => `s${index}, e${index}`).join(", ")}]);\nif (extra === undefined) return ${UNDECODABLE};\n` : "const extra = null;\n"}const out = slab.reserve(end - first + ${maxBesideTextBytes} + (extra === null ? 0 : extra.length)${arrays.map((index) => ` + ((e${index} - s${index}) >> 1)`).join("")});
let o = slab.at;
slab.nodeAt = slab.tenantAt = slab.countryAt = slab.regionAt = slab.eventIdAt = -1;
out[o++] = ${count >> 8}; out[o++] = ${count & 255};
${emit.join("")}${layout.hasExtra ? EXTRA_CODE : ""}slab.at = o;
return ${WRITTEN};
};`;
  const extraFields = createExtraFields(options.writerType, extras);
  // Only the structure of a schema gets into the code: names are looked up here, and are not part of it.
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function("h", "x", source) as (h: typeof cursor, x: ExtraFields) => WriteTuple;
  return make(cursor, extraFields);
}

const isExtra = (field: string, layout: TableLayout) => layout.hasExtra && !NOT_STORED.has(field);

/** Returns statements that store the value's start in `s` (-1 for null) and its end in `e`; a number in `v`. */
function locateCode({ type }: AvroField, index: number): string | undefined {
  const value = valueCode(valueNode(type), index);
  if (value === undefined) return undefined;
  const declare = `let s${index} = -1, e${index} = -1, v${index} = 0;\n`;
  if (type.type !== "union") return declare + value;
  const nullAt = type.branches.findIndex((branch) => branch.type === "null");
  if (type.branches.length !== 2 || nullAt === -1) return undefined;
  // The index of one of two branches is a byte: 0 or 2, zigzag.
  return `${declare}n = src[pos++]; if (n !== 0 && n !== 2) return ${UNDECODABLE};
if (n !== ${nullAt * 2}) {\n${value}}\n`;
}

/** Returns the type of a field's value without null. */
function valueNode(type: AvroNode): AvroNode {
  if (type.type !== "union") return type;
  return type.branches.find((branch) => branch.type !== "null") ?? { type: "null" };
}

function valueCode(node: AvroNode, index: number): string | undefined {
  switch (node.type) {
    case "string":
      return `${LENGTH}s${index} = pos; pos += n; e${index} = pos;\n`;
    case "double":
      return `s${index} = pos; pos += 8;\n`;
    case "boolean":
      return `s${index} = pos++;\n`;
    case "int":
    case "long":
      return (
        `v${index} = h.readLong(src, pos); s${index} = pos; pos = h.next;\n` +
        `if (v${index} !== v${index}) return ${UNDECODABLE};\n`
      );
    case "enum":
      return `${readIndex(node.symbols.length)}s${index} = pos; v${index} = n;\n`;
    case "array":
      return node.items.type === "double" ? doublesCode(index) : undefined;
    case "null":
    case "float":
    case "bytes":
    case "fixed":
    case "map":
    case "union":
    case "record":
    case "recursive":
      return undefined;
  }
}

/** Counts the doubles of an array in `v`. See skipBlocks for its blocks. */
const doublesCode = (index: number): string => `s${index} = pos;
for (;;) {
let c = h.readLong(src, pos); pos = h.next;
if (c === 0) break;
if (c < 0) { h.readLength(src, pos); pos = h.next; c = -c; }
if (!(pos + 8 * c <= end)) return ${UNDECODABLE};
v${index} += c; pos += 8 * c;
}
e${index} = pos;
`;

const longestSymbolBytes = (node: AvroNode): number =>
  node.type === "enum" ? Math.max(...node.symbols.map((symbol) => Buffer.byteLength(symbol))) : 0;

function skipFieldCode(
  { type }: AvroField,
  index: number,
  options: { isStored: boolean },
): string | undefined {
  const skip = skipCode(type);
  if (skip === undefined || !options.isStored) return skip;
  return `const s${index} = pos;\n${skip}const e${index} = pos;\n`;
}

function defaultOf(readerType: avsc.Type, field: string): unknown {
  const { fields } = readerType as avsc.types.RecordType;
  return fields.find(({ name }) => name === field)?.defaultValue();
}

const EXTRA_CODE = `if (extra === null) { out[o++] = 255; out[o++] = 255; out[o++] = 255; out[o++] = 255; }
else {
n = extra.length + 1;
out[o] = n >>> 24; out[o + 1] = n >>> 16; out[o + 2] = n >>> 8; out[o + 3] = n; out[o + 4] = 1;
out.set(extra, o + 5);
o += n + 4;
}
`;
