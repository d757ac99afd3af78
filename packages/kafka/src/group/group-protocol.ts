import { Reader, Writer } from "@platformatic/kafka";

/** What a member says of itself when it joins, and what the leader tells it: the consumer protocol of KIP-429. */
export type Subscription = {
  readonly topic: string;
  /** What it has of the topic, from the generation `generationId`. */
  readonly owned: readonly number[];
  readonly generationId: number;
  readonly userData: string;
};

export type Assignment = {
  readonly partitions: readonly number[];
  /** The user data of all members. */
  readonly membersData: readonly string[];
};

/** The protocol's name in the group: members of another one are refused by the coordinator. */
export const COOPERATIVE_STICKY = "fiberstream-cooperative-sticky";

/** Version 2 brought the generation (KIP-792). Tools of Kafka read these bytes, so they are the standard's. */
const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 0;

export const encodeSubscription = (of: Subscription): Buffer =>
  Writer.create()
    .appendInt16(SUBSCRIPTION_VERSION)
    .appendArray([of.topic], (w, topic) => void w.appendString(topic, false), false, false)
    .appendBytes(Buffer.from(of.userData), false)
    .appendArray([of], (w, { topic, owned }) => void partitionsTo(w, topic, owned), false, false)
    .appendInt32(of.generationId).buffer;

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
    .appendArray([partitions], (w, some) => void partitionsTo(w, topic, some), false, false)
    .appendBytes(Buffer.from(JSON.stringify(membersData)), false).buffer;

/** What is assigned of a topic. A member that gets nothing may get no bytes at all. */
export function decodeAssignment(topic: string, bytes: Buffer): Assignment {
  if (bytes.length === 0) return { partitions: [], membersData: [] };
  const reader = Reader.from(bytes);
  reader.readInt16();
  const topics = reader.readArray(partitionsFrom, false, false);
  const userData = String(reader.readNullableBytes(false) ?? "");
  const own = topics.filter((one) => one.topic === topic);
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
