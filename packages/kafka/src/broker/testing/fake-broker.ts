import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Life } from "@fiberstream/runtime/life";
import { Writer } from "@platformatic/kafka";
import type { BrokerAddress } from "../connection-pool.ts";

/** A request and the number of its connection, from 1. */
type FakeRequest = { readonly apiKey: number; readonly connection: number };

/**
 * Replaces a broker, for tests of behaviour that cannot be provoked on a real one.
 * @param answer returns the body of the answer after the correlation id; undefined: no answer
 */
export async function startFakeBroker(
  life: Life,
  answer: (request: FakeRequest) => Buffer | undefined,
): Promise<BrokerAddress> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    const connection = ++connections;
    socket.on("error", () => undefined);
    let unread = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= 4 && unread.length >= 4 + unread.readInt32BE(0)) {
        const request = unread.subarray(4, 4 + unread.readInt32BE(0));
        unread = unread.subarray(4 + request.length);
        const body = answer({ apiKey: request.readInt16BE(0), connection });
        if (body === undefined) continue;
        const sized = Buffer.alloc(8);
        sized.writeInt32BE(4 + body.length, 0);
        request.copy(sized, 4, 4, 8);
        socket.write(Buffer.concat([sized, body]));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  life.own(server, (owned) => {
    for (const socket of sockets) socket.destroy();
    owned.close();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

export const METADATA = 3;
export const SASL_HANDSHAKE = 17;
const API_VERSIONS = 18;
const SASL_AUTHENTICATE = 36;

/** Returns an answer to a request for a topic's metadata, version 12. */
export function metadataAnswer(options: {
  brokers: readonly BrokerAddress[];
  topic: string;
  topicId: string;
  /** The leader epoch of each partition, which the first broker leads; undefined: there is no such topic. */
  epochs: readonly number[] | undefined;
}): Buffer {
  const { brokers, topic, topicId, epochs } = options;
  const [first] = brokers.keys();
  return Writer.create()
    .appendTaggedFields()
    .appendInt32(0)
    .appendArray([...brokers.entries()], (w, [nodeId, { host, port }]) =>
      w.appendInt32(nodeId).appendString(host).appendInt32(port).appendString(null),
    )
    .appendString("a-cluster")
    .appendInt32(first ?? 0)
    .appendArray([topic], (w, name) =>
      w
        .appendInt16(epochs === undefined ? 3 : 0)
        .appendString(name)
        .appendUUID(topicId)
        .appendBoolean(false)
        .appendArray([...(epochs ?? []).entries()], (partition, [index, epoch]) =>
          partition
            .appendInt16(0)
            .appendInt32(index)
            .appendInt32(0)
            .appendInt32(epoch)
            .appendArray([0], (ids, id) => ids.appendInt32(id), true, false)
            .appendArray([0], (ids, id) => ids.appendInt32(id), true, false)
            .appendArray([], () => undefined, true, false),
        )
        .appendInt32(0),
    )
    .appendTaggedFields().buffer;
}

/** Returns an answer to FindCoordinator, version 4. */
export const coordinatorAnswer = (key: string, { host, port }: BrokerAddress): Buffer =>
  Writer.create()
    .appendTaggedFields()
    .appendInt32(0)
    .appendArray([key], (w, name) =>
      w
        .appendString(name)
        .appendInt32(0)
        .appendString(host)
        .appendInt32(port)
        .appendInt16(0)
        .appendString(null),
    )
    .appendTaggedFields().buffer;

/** Returns an answer that accepts any login for a session of `lifetimeMs`, or an answer to a heartbeat. */
export function sessionAnswer(apiKey: number, { lifetimeMs }: { lifetimeMs: number }): Buffer {
  switch (apiKey) {
    case API_VERSIONS:
      return Writer.create().appendInt16(0).appendInt32(0).appendInt32(0).buffer;
    case SASL_HANDSHAKE:
      return Writer.create().appendInt16(0).appendInt32(0).buffer;
    case SASL_AUTHENTICATE:
      return Writer.create()
        .appendTaggedFields()
        .appendInt16(0)
        .appendString(null)
        .appendBytes(Buffer.alloc(0))
        .appendInt64(BigInt(lifetimeMs))
        .appendTaggedFields().buffer;
    default:
      return Writer.create().appendTaggedFields().appendInt32(0).appendInt16(0).appendTaggedFields()
        .buffer;
  }
}
