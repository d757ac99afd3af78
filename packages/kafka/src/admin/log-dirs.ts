import { type Broker, kafkajsFile } from "../kafkajs/kafkajs-cluster.ts";

/** A directory in which a broker keeps partitions. */
export type LogDir = {
  readonly topics: readonly { readonly topic: string; readonly bytes: number }[];
  /** Of the disk that it is on; -1 when the broker does not say. */
  readonly totalBytes: number;
  readonly usableBytes: number;
};

const DESCRIBE_LOG_DIRS_API_KEY = 35;
/** The first one that tells of the disk (KIP-827, Kafka 3.3). */
const VERSION = 4;

/**
 * Asks a broker how much it keeps of each topic and how full its disks are (DescribeLogDirs, which kafkajs
 * does not have). It needs the right to describe the cluster.
 * @throws what kafkajs throws: see `kafkaFailure`
 */
export async function describeLogDirs(broker: Broker): Promise<LogDir[]> {
  await broker.connect();
  const answer = await broker.connectionPool.send({
    request: {
      apiKey: DESCRIBE_LOG_DIRS_API_KEY,
      apiVersion: VERSION,
      apiName: "DescribeLogDirs",
      expectResponse: () => true,
      encode: () => {
        const encoder = new EncoderOf(ALL_TOPICS.length);
        encoder.writeBufferInternal(ALL_TOPICS);
        return encoder;
      },
    },
    response: { decode: decodeAnswer, parse: parseAnswer },
  });
  return answer as LogDir[];
}

/** kafkajs ends the header before its tagged fields, of which there are none; no list of topics; no tagged fields. */
const ALL_TOPICS = Buffer.from([0, 0, 0]);

type Answer = { readonly errorCode: number; readonly dirs: readonly LogDir[] };

function decodeAnswer(bytes: Buffer): Answer {
  const decoder = new DecoderOf(bytes);
  decoder.readTaggedFields();
  decoder.readInt32(); // how long the broker wants to be left alone
  const errorCode = decoder.readInt16();
  const dirs = decoder.readUVarIntArray(readDir);
  return { errorCode, dirs };
}

function readDir(decoder: Decoder): LogDir {
  decoder.readInt16(); // the directory's own error: it then has no topics
  decoder.readUVarIntString(); // its path
  const topics = decoder.readUVarIntArray(readTopic);
  const totalBytes = Number(decoder.readInt64());
  const usableBytes = Number(decoder.readInt64());
  decoder.readTaggedFields();
  return { topics, totalBytes, usableBytes };
}

function readTopic(decoder: Decoder): LogDir["topics"][number] {
  const topic = decoder.readUVarIntString();
  const sizes = decoder.readUVarIntArray((reader) => {
    reader.readInt32(); // the partition
    const bytes = Number(reader.readInt64());
    reader.readInt64(); // how far the replica is behind
    reader.readBoolean(); // whether it is being moved here
    reader.readTaggedFields();
    return bytes;
  });
  decoder.readTaggedFields();
  return { topic, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
}

async function parseAnswer({ errorCode, dirs }: Answer): Promise<readonly LogDir[]> {
  if (errorCode !== 0) throw errorOf(errorCode);
  return dirs;
}

type Encoder = { writeBufferInternal: (bytes: Buffer) => void };
const EncoderOf = kafkajsFile("kafkajs/src/protocol/encoder") as new (bytes: number) => Encoder;
type Decoder = {
  readInt16: () => number;
  readInt32: () => number;
  readInt64: () => { toString: () => string };
  readBoolean: () => boolean;
  readUVarIntString: () => string;
  readUVarIntArray: <T>(item: (decoder: Decoder) => T) => T[];
  readTaggedFields: () => unknown;
};
const DecoderOf = kafkajsFile("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => Decoder;
const { createErrorFromCode: errorOf } = kafkajsFile("kafkajs/src/protocol/error") as {
  createErrorFromCode: (code: number) => Error;
};
