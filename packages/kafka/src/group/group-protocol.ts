import { Reader, Writer } from "@platformatic/kafka";

/** A member's subscription and assignment in the consumer protocol of KIP-429. */
export type Subscription = {
  readonly topic: string;
  /** Its partitions of the topic, from the generation `generationId`. */
  readonly owned: readonly number[];
  readonly generationId: number;
  readonly userData: string;
};

export type Assignment = {
  readonly partitions: readonly number[];
  /** The user data of all members. */
  readonly membersData: readonly string[];
};

/** The protocol's name in the group: the coordinator rejects members with another protocol. */
export const COOPERATIVE_STICKY = "fiberstream-cooperative-sticky";

/** Version 2 has the generation (KIP-792). Kafka's tools read these bytes, so they follow the standard. */
const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 0;

export const encodeSubscription = (subscription: Subscription): Buffer =>
  Writer.create()
    .appendInt16(SUBSCRIPTION_VERSION)
    .appendArray(
      [subscription.topic],
      (w, topic) => void w.appendString(topic, false),
      false,
      false,
    )
    .appendBytes(Buffer.from(subscription.userData), false)
    .appendArray(
      [subscription],
      (w, { topic, owned }) => void partitionsTo(w, topic, owned),
      false,
      false,
    )
    .appendInt32(subscription.generationId).buffer;

export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = Reader.from(bytes);
  const version = reader.readInt16();
  const [topic = ""] = reader.readArray((r) => r.readString(false), false, false);
  const userData = String(reader.readNullableBytes(false) ?? "");
  const owned = version >= 1 ? reader.readArray(partitionsFrom, false, false) : [];
  const generationId = version >= 2 ? reader.readInt32() : -1;
  return { topic, owned: owned.flatMap(({ partitions }) => partitions), generationId, userData };
}

export const encodeAssignment = (topic: string, { partitions, membersData }: Assignment): Buffer =>
  Writer.create()
    .appendInt16(ASSIGNMENT_VERSION)
    .appendArray([partitions], (w, assigned) => void partitionsTo(w, topic, assigned), false, false)
    .appendBytes(Buffer.from(JSON.stringify(membersData)), false).buffer;

/** Decodes the assignment of a topic. A member without partitions may get no bytes at all. */
export function decodeAssignment(topic: string, bytes: Buffer): Assignment {
  if (bytes.length === 0) return { partitions: [], membersData: [] };
  const reader = Reader.from(bytes);
  reader.readInt16();
  const topics = reader.readArray(partitionsFrom, false, false);
  const userData = String(reader.readNullableBytes(false) ?? "");
  const own = topics.filter((found) => found.topic === topic);
  return {
    partitions: own.flatMap(({ partitions }) => partitions),
    membersData: userData === "" ? [] : (JSON.parse(userData) as string[]),
  };
}

const partitionsTo = (writer: Writer, topic: string, partitions: readonly number[]) =>
  writer
    .appendString(topic, false)
    .appendArray([...partitions], (w, partition) => void w.appendInt32(partition), false, false);

const partitionsFrom = (reader: Reader) => ({
  topic: reader.readString(false),
  partitions: reader.readArray((r) => r.readInt32(), false, false),
});
