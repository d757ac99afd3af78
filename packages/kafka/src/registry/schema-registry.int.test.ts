import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { afterEach, describe, expect, it } from "@jest/globals";
import { createSchemaRegistry } from "./schema-registry.ts";

const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
const schema = readAvroSchema("ProbeMetric");
const others: Server[] = [];
afterEach(() => {
  for (const other of others.splice(0)) {
    other.closeAllConnections();
    other.close();
  }
});
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
    expect(await registry.writerType(first.id)).toMatchObject({
      kind: "ok",
      value: { name: "io.fiberstream.ProbeMetric" },
    });
  });

  it("accepts a version without an optional field, rejects one without a required field", async () => {
    const subject = `${testNamespace()}value`;
    const first = await registry.register(subject, schema);
    const second = await registry.register(subject, without("metadata"));
    expect(second).toMatchObject({ change: "registered" });
    expect(second.id).not.toBe(first.id);
    await expect(registry.register(subject, without("event_id"))).rejects.toThrow(
      /not compatible.*add a new field/s,
    );
  });

  it("reports a missing id", async () => {
    expect(await registry.writerType(2_000_000_000)).toMatchObject({
      kind: "dead",
      reason: { message: "the schema registry has no schema id 2000000000" },
    });
  });

  it.each([
    ["JSON", JSON.stringify({ type: "object", properties: { a: { type: "string" } } })],
    ["PROTOBUF", 'syntax = "proto3"; message Sample { string a = 1; }'],
  ])("treats an id of %s as the fault of the record that names it", async (schemaType, text) => {
    const id = await registerForeign({ schemaType, schema: text });
    expect(await registry.writerType(id)).toMatchObject({
      kind: "dead",
      reason: {
        failureClass: "unknown-schema",
        message: `schema id ${id} is ${schemaType}, not Avro`,
      },
    });
  });

  it("reads a schema that refers to another one", async () => {
    const inner = {
      type: "record",
      name: "Inner",
      namespace: "n",
      fields: [{ name: "a", type: "long" }],
    };
    const subject = `${testNamespace()}inner`;
    await registerForeign({ schema: JSON.stringify(inner) }, subject);
    const outer = { type: "record", name: "Outer", fields: [{ name: "inner", type: "n.Inner" }] };
    const references = [{ name: "n.Inner", subject, version: 1 }];
    const id = await registerForeign({ schema: JSON.stringify(outer), references });
    const writer = await registry.writerType(id);
    expect(writer.kind === "ok" && writer.value.fromBuffer(Buffer.from([2]))).toEqual({
      inner: { a: 1 },
    });
  });

  it("distinguishes an unavailable registry from a missing schema", async () => {
    const nowhere = createSchemaRegistry({ url: "http://127.0.0.1:9" });
    await expect(nowhere.idOf("s", schema)).rejects.toThrow(TransientError);
    await expect(nowhere.writerType(1)).rejects.toThrow(TransientError);
    await expect(nowhere.register("s", schema)).rejects.toThrow(TransientError);
    await expect(nowhere.ping()).rejects.toThrow(TransientError);
    await registry.ping();
  });

  it("times out if the registry accepts the request and does not answer", async () => {
    const stuck = await inItsPlace(() => undefined);
    await expect(stuck.idOf("s", schema)).rejects.toThrow(TransientError);
    await expect(stuck.writerType(1)).rejects.toThrow(TransientError);
  });

  it.each([
    ["a router's 404", 404, "<html>no such page</html>"],
    ["a 404 of a path that the registry does not know", 404, '{"error_code":404,"message":"HTTP"}'],
    ["a 401", 401, '{"error_code":40101,"message":"who are you"}'],
    ["a proxy's 403", 403, "forbidden"],
    ["a sign-in page", 200, "<html>sign in</html>"],
    ["an answer to something else", 200, '{"hello":"world"}'],
    ["nothing", 404, "null"],
  ])("waits if %s answers in the registry's place", async (_what, status, body) => {
    const other = await inItsPlace((answer) => answer.writeHead(status).end(body));
    await expect(other.writerType(1)).rejects.toThrow(TransientError);
    await expect(other.idOf("s", schema)).rejects.toThrow(TransientError);
    await expect(other.register("s", schema)).rejects.toThrow(TransientError);
  });

  it("treats a schema that cannot be parsed as the fault of the record, and asks for it once", async () => {
    let asked = 0;
    const broken = await inItsPlace((answer) => {
      asked++;
      answer.writeHead(200).end(JSON.stringify({ schema: '{"type":"record"}' }));
    });
    for (const _ of [1, 2]) {
      expect(await broken.writerType(7)).toMatchObject({
        kind: "dead",
        reason: { message: expect.stringMatching(/^schema id 7 cannot be read as Avro/) },
      });
    }
    expect(asked).toBe(1);
  });
});

/** As a team of its own registers what is not ours. */
async function registerForeign(body: object, subject = `${testNamespace()}foreign`) {
  const answer = await fetch(`${addresses.schemaRegistryUrl}/subjects/${subject}/versions`, {
    method: "POST",
    headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
    body: JSON.stringify(body),
  });
  return ((await answer.json()) as { id: number }).id;
}

/** Another one behind the registry's address. */
async function inItsPlace(answer: (response: ServerResponse) => unknown) {
  const server = createServer((_request, response) => void answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  others.push(server);
  const { port } = server.address() as AddressInfo;
  return createSchemaRegistry({ url: `http://127.0.0.1:${port}`, timeoutMs: 500 });
}
