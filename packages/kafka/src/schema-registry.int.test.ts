import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { describe, expect, it } from "@jest/globals";
import { createSchemaRegistry } from "./schema-registry.ts";

const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
const schema = readAvroSchema("ProbeMetric");
const without = (name: string) => ({
  ...schema,
  fields: schema.fields.filter((field) => field.name !== name),
});

describe("schema registry", () => {
  it("registers once, and finds the id again", async () => {
    const subject = `${testNamespace()}value`;
    await expect(registry.idOf(subject, schema)).rejects.toThrow(FatalError);
    const first = await registry.register(subject, schema);
    expect(first.change).toBe("registered");
    expect(await registry.register(subject, schema)).toEqual({ id: first.id, change: "unchanged" });
    expect(await registry.idOf(subject, schema)).toBe(first.id);
    expect((await registry.writerType(first.id))?.name).toBe("io.fiberstream.ProbeMetric");
  });

  it("takes a version without an optional field, refuses one without a required field", async () => {
    const subject = `${testNamespace()}value`;
    const first = await registry.register(subject, schema);
    const second = await registry.register(subject, without("metadata"));
    expect(second).toMatchObject({ change: "registered" });
    expect(second.id).not.toBe(first.id);
    await expect(registry.register(subject, without("event_id"))).rejects.toThrow(
      /not compatible.*add a new field/s,
    );
  });

  it("says that it lacks an id", async () => {
    expect(await registry.writerType(2_000_000_000)).toBeUndefined();
  });

  it("tells a registry that is away from one that lacks something", async () => {
    const nowhere = createSchemaRegistry({ url: "http://127.0.0.1:9" });
    await expect(nowhere.idOf("s", schema)).rejects.toThrow(TransientError);
    await expect(nowhere.writerType(1)).rejects.toThrow(TransientError);
    await expect(nowhere.register("s", schema)).rejects.toThrow(TransientError);
    await expect(nowhere.ping()).rejects.toThrow(TransientError);
    await registry.ping();
  });

  it("gives up on a registry that takes the request and says nothing", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const stuck = createSchemaRegistry({ url: `http://127.0.0.1:${port}`, timeoutMs: 50 });
    await expect(stuck.idOf("s", schema)).rejects.toThrow(TransientError);
    silent.closeAllConnections();
    silent.close();
  });
});
