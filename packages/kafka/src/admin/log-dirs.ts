import { type Broker, kafkajsFile } from "../kafkajs/kafkajs-cluster.ts";

/** A log directory of a broker. */
export type LogDir = {
  readonly topics: readonly { readonly topic: string; readonly bytes: number }[];
  /** Of the disk; -1 if the broker does not report it. */
  readonly totalBytes: number;
  readonly usableBytes: number;
};

const DESCRIBE_LOG_DIRS_API_KEY = 35;
/** The first version that reports the disk (KIP-827, Kafka 3.3). */
const VERSION = 4;

/**
 * Asks a broker for the size of each topic and of its disks (DescribeLogDirs, which kafkajs does not have). It needs the
 * permission to describe the cluster.
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

/** The header's tagged fields, which kafkajs leaves out: none; the list of topics: null; tagged fields: none. */
const ALL_TOPICS = Buffer.from([0, 0, 0]);

type Answer = { readonly errorCode: number; readonly dirs: readonly LogDir[] };

function decodeAnswer(bytes: Buffer): Answer {
  const decoder = new DecoderOf(bytes);
  decoder.readTaggedFields();
  decoder.readInt32(); // throttle time
  const errorCode = decoder.readInt16();
  const dirs = decoder.readUVarIntArray(readDir);
  return { errorCode, dirs };
}

function readDir(decoder: Decoder): LogDir {
  decoder.readInt16(); // the directory's error, with which it has no topics
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
    reader.readInt64(); // the replica's lag
    reader.readBoolean(); // whether it is a future replica
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
