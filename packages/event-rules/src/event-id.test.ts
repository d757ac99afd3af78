import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { EVENT_ID_NAMESPACE, eventIdOf, IDENTITY, type Identity } from "./event-id.ts";

const identity: Identity = {
  tenant: "default",
  node_id: "probe-accra-01",
  timestamp: 1_790_000_000_123_456,
  probe_type: "ping",
  target_host: "one.example.net",
};

/** Version 5 as RFC 9562 writes it, byte for byte. */
function uuidV5(name: string): string {
  const namespace = Buffer.from(EVENT_ID_NAMESPACE.replaceAll("-", ""), "hex");
  const bytes = createHash("sha1").update(namespace).update(name, "utf8").digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

describe("eventIdOf", () => {
  it("stays what it was: ids of events from years ago must not change", () => {
    expect(eventIdOf(identity)).toBe("25fddf6e-2bd7-5e00-8216-132128243a17");
  });

  it("has all fields of the role identity, and no other", () => {
    const { fields } = readAvroSchema("ProbeMetric");
    const names = fields.filter(({ role }) => role === "identity").map(({ name }) => name);
    expect(names.toSorted()).toEqual(IDENTITY.toSorted());
  });

  it("is the UUIDv5 of the identity's parts", () => {
    const text = fc.string({ unit: "binary", maxLength: 255 }).map((t) => t.replaceAll("\0", ""));
    const property = fc.property(
      text,
      text,
      fc.option(text),
      fc.maxSafeNat(),
      (node, type, host, timestamp) => {
        const id = eventIdOf({
          ...identity,
          node_id: node,
          timestamp,
          probe_type: type,
          target_host: host,
        });
        expect(id).toBe(uuidV5(["default", node, timestamp, type, host ?? ""].join("\0")));
      },
    );
    fc.assert(property);
  });

  it("differs when any part does, and not for a host that is empty instead of missing", () => {
    const ids = [
      identity,
      { ...identity, tenant: "other" },
      { ...identity, node_id: "probe-accra-02" },
      { ...identity, timestamp: identity.timestamp + 1 },
      { ...identity, probe_type: "http" },
      { ...identity, target_host: "two.example.net" },
      { ...identity, target_host: null },
    ].map(eventIdOf);
    expect(new Set(ids).size).toBe(ids.length);
    expect(eventIdOf({ ...identity, target_host: "" })).toBe(ids.at(-1));
  });
});
