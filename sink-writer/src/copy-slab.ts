/**
 * Writes PostgreSQL's binary COPY format (manual, "COPY", file formats) into one buffer that is
 * used again for every batch. A field is its length in bytes (int32) and its bytes, length -1 is NULL.
 */
export type CopySlab = {
  /** Begins anew: the bytes handed out before are overwritten. */
  begin: () => void;
  /** Begins a row of so many fields, whose texts have at most `textLength` UTF-16 code units together. */
  row: (fields: number, textLength: number) => void;
  null: () => void;
  /** @param micros microseconds since 1970, a safe integer */
  timestamptz: (micros: number) => void;
  float8: (value: number) => void;
  /** @param text 36 characters, hexadecimal with dashes */
  uuid: (text: string) => void;
  text: (text: string) => void;
  /** @param json text of any JSON value; PostgreSQL checks it */
  jsonb: (json: string) => void;
  /** The rows since `begin`, complete with header and trailer; valid until the next `begin`. */
  end: () => Buffer;
};

const HEADER = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
const TRAILER_BYTES = 2;
/** Of any field that is not text: its length and at most 16 bytes. */
const MAX_FIXED_FIELD_BYTES = 20;
/** UTF-8 has at most 3 bytes for each UTF-16 code unit. */
const MAX_BYTES_PER_UNIT = 3;

/** @param options.initialBytes grows by doubling when a batch needs more */
export function createCopySlab(options: { initialBytes: number }): CopySlab {
  let slab = Buffer.allocUnsafeSlow(Math.max(options.initialBytes, HEADER.length + TRAILER_BYTES));
  let at = 0;

  const reserve = (bytes: number) => {
    if (at + bytes <= slab.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(slab.length * 2, at + bytes));
    slab.copy(larger, 0, 0, at);
    slab = larger;
  };
  const int32 = (value: number) => {
    at = slab.writeInt32BE(value, at);
  };

  return {
    begin: () => {
      at = HEADER.copy(slab);
    },
    row: (fields, textLength) => {
      reserve(2 + fields * MAX_FIXED_FIELD_BYTES + textLength * MAX_BYTES_PER_UNIT + TRAILER_BYTES);
      at = slab.writeInt16BE(fields, at);
    },
    null: () => int32(-1),
    timestamptz: (micros) => {
      int32(8);
      // An int64 in two halves: a BigInt for each row would be garbage, and five times slower.
      const since2000 = micros - EPOCH_2000_MICROS;
      const high = Math.floor(since2000 / 2 ** 32);
      int32(high);
      at = slab.writeUInt32BE(since2000 - high * 2 ** 32, at);
    },
    float8: (value) => {
      int32(8);
      at = slab.writeDoubleBE(value, at);
    },
    uuid: (text) => {
      int32(16);
      for (let index = 0; index < 36; index += 2) {
        // Dashes stand at 8, 13, 18 and 23: pairs begin one later after each odd number of them.
        if (text.charCodeAt(index) === DASH) index++;
        const high = HEX_VALUES[text.charCodeAt(index)] ?? 0;
        slab[at++] = (high << 4) | (HEX_VALUES[text.charCodeAt(index + 1)] ?? 0);
      }
    },
    text: (text) => {
      const bytes = slab.write(text, at + 4);
      int32(bytes);
      at += bytes;
    },
    jsonb: (json) => {
      const bytes = slab.write(json, at + 5);
      int32(bytes + 1);
      slab[at] = JSONB_VERSION;
      at += bytes + 1;
    },
    end: () => {
      at = slab.writeInt16BE(-1, at);
      return slab.subarray(0, at);
    },
  };
}

const EPOCH_2000_MICROS = Date.UTC(2000, 0, 1) * 1_000;
const JSONB_VERSION = 1;
const DASH = 45;

const HEX_VALUES = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  HEX_VALUES[digit.charCodeAt(0)] = value;
  HEX_VALUES[digit.toUpperCase().charCodeAt(0)] = value;
}
