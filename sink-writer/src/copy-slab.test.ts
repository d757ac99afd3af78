import { describe, expect, it } from "@jest/globals";
import { createCopySlab } from "./copy-slab.ts";

// The signature, then flags and the length of an extension, both 0.
const HEADER = "5047434f50590aff0d0a000000000000000000";
const TRAILER = "ffff";

describe("copy slab", () => {
  it("writes header, fields with their lengths, and trailer", () => {
    const slab = createCopySlab({ initialBytes: 1 });
    slab.begin();
    slab.row(6, 5);
    slab.null();
    slab.timestamptz(Date.UTC(2000, 0, 1) * 1_000 - 1);
    slab.float8(1);
    slab.uuid("00112233-4455-6677-8899-aAbBcCdDeEfF");
    slab.text("né");
    slab.jsonb("{}");
    expect(slab.end().toString("hex")).toBe(
      HEADER +
        "0006" +
        "ffffffff" +
        "00000008" +
        "ffffffffffffffff" +
        "00000008" +
        "3ff0000000000000" +
        "00000010" +
        "00112233445566778899aabbccddeeff" +
        "00000003" +
        "6ec3a9" +
        "00000003" +
        "017b7d" +
        TRAILER,
    );
  });

  it("grows while it holds rows, and is used again from its start", () => {
    const slab = createCopySlab({ initialBytes: 64 });
    const text = "€".repeat(1_000);
    slab.begin();
    for (let rows = 0; rows < 10; rows++) {
      slab.row(1, text.length);
      slab.text(text);
    }
    const full = slab.end();
    expect(full.length).toBe((HEADER.length + TRAILER.length) / 2 + 10 * (2 + 4 + 3_000));
    expect(full.subarray(-3_002, -2).toString()).toBe(text);

    slab.begin();
    expect(slab.end().toString("hex")).toBe(HEADER + TRAILER);
  });
});
