import type { AvroNode } from "./avro-node.ts";

/** What generated code returns; the row's bytes are in the slab only at WRITTEN. */
export const WRITTEN = 0;
export const UNDECODABLE = 1;
export const NOT_A_UUID = 2;

/** Statements that leave a string's or bytes' length in `n`, and `pos` where they begin. */
export const LENGTH =
  "n = src[pos++]; if (n & 0x81) { n = h.readLength(src, pos - 1); pos = h.next; } else n >>= 1;\n";

/**
 * Statements that move `pos` past a value. Lengths lead forward only, so that one look at the end tells
 * whether all was there; only loops have to look in between.
 *
 * @param depth of the value, for names of variables
 * @returns undefined for what cannot be unrolled
 */
export function skipCode(node: AvroNode, depth = 0): string | undefined {
  switch (node.type) {
    case "null":
      return "";
    case "boolean":
      return "pos++;\n";
    case "int":
    case "long":
      return "while (src[pos++] > 127);\n";
    case "float":
      return "pos += 4;\n";
    case "double":
      return "pos += 8;\n";
    case "fixed":
      return `pos += ${node.size};\n`;
    case "bytes":
    case "string":
      return `${LENGTH}pos += n;\n`;
    case "enum":
      return readIndex(node.symbols.length);
    case "array":
      return skipBlocks(skipCode(node.items, depth + 1), depth);
    case "map": {
      const value = skipCode(node.values, depth + 1);
      return skipBlocks(value === undefined ? undefined : `${LENGTH}pos += n;\n${value}`, depth);
    }
    case "union": {
      const cases = node.branches.map((branch) => skipCode(branch, depth + 1));
      if (cases.includes(undefined)) return undefined;
      const arms = cases.map((code, index) => `case ${index}: ${code}break;\n`).join("");
      return `${readIndex(node.branches.length)}switch (n) {\n${arms}}\n`;
    }
    case "record": {
      const fields = node.fields.map((field) => skipCode(field.type, depth));
      return fields.includes(undefined) ? undefined : fields.join("");
    }
    case "recursive":
      return undefined;
  }
}

/** Statements that leave a union's or an enum's index in `n`, which is below `count`. */
export const readIndex = (count: number): string =>
  `n = h.readLength(src, pos); pos = h.next; if (!(n < ${count})) return ${UNDECODABLE};\n`;

/**
 * An array or map comes in blocks, each led by its count; a negative one also by its size in bytes. The size would lead
 * past the items at once, but also past items that cannot be decoded.
 */
function skipBlocks(item: string | undefined, depth: number): string | undefined {
  if (item === undefined) return undefined;
  const count = `c${depth}`;
  return `for (;;) {
let ${count} = h.readLong(src, pos); pos = h.next;
if (${count} === 0) break;
if (${count} < 0) { h.readLength(src, pos); pos = h.next; ${count} = -${count}; }
for (; ${count} > 0; ${count}--) { ${item}if (!(pos <= end)) return ${UNDECODABLE}; }
if (!(pos <= end && ${count} === ${count})) return ${UNDECODABLE};
}
`;
}
