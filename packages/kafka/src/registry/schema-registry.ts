import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import {
  COMPATIBILITY,
  SchemaRegistry as RegistryClient,
  SchemaType,
} from "@kafkajs/confluent-schema-registry";

import { FatalError, messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Outcome } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type avsc from "avsc";
import type { RegistrySecurity } from "../settings/access.ts";
import { createAskRegistry } from "./ask-registry.ts";
import { createWriterTypes } from "./writer-types.ts";

export type SchemaRegistry = {
  /**
   * Returns the id of `schema` under `subject`.
   * @throws {FatalError} if the registry itself answers that the subject is missing or has only other schemas
   * @throws {TransientError} when the registry is unavailable, or another server answers in its place
   */
  idOf: (subject: string, schema: RecordSchema) => Promise<number>;
  /**
   * Returns the writer's type for a schema id, cached for good; dead if the registry itself answers that it has none, or
   * if the schema is not Avro.
   * @throws {TransientError} when the registry is unavailable, or another server answers in its place
   */
  writerType: (id: number) => Promise<Outcome<avsc.Type>>;
  /**
   * Registers `schema` unless it is registered, for readers of any version (FULL_TRANSITIVE).
   * @throws {IncompatibleSchemaError} when it is not compatible with an earlier version
   * @throws {TransientError} when the registry is unavailable
   */
  register: (
    subject: string,
    schema: RecordSchema,
  ) => Promise<{ id: number; change: "registered" | "unchanged" }>;
  /**
   * Deletes all versions of a subject, so that none is compared with the next one. The registry still knows their ids (a
   * "soft" delete).
   * @throws {TransientError} when the registry is unavailable
   */
  deleteVersions: (subject: string) => Promise<void>;
  /** @throws {TransientError} when the registry is unavailable */
  ping: () => Promise<void>;
};

/** A schema that readers or records of an earlier version of its subject do not fit. */
export class IncompatibleSchemaError extends FatalError {}

/**
 * @param options.url base URL of a registry with Confluent's API
 * @param options.security credentials, and the authority of the registry's certificate
 * @param options.timeoutMs how long an answer may take, 10 s by default
 */
export function createSchemaRegistry(options: {
  url: string;
  security?: RegistrySecurity;
  timeoutMs?: number;
}): SchemaRegistry {
  const { timeoutMs = 10_000 } = options;
  const { caFile, user } = options.security ?? {};
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  // Callers retry themselves, so the client's own retries are few and short.
  const client = new RegistryClient({
    host: options.url,
    ...(user !== undefined && { auth: user }),
    ...(ca !== undefined && { agent: new Agent({ ca }) }),
    middlewares: [giveUpAfter(timeoutMs)],
    retry: { retries: 1, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 0.5 },
  });
  const ask = createAskRegistry({ ...options, timeoutMs });

  const find = async (subject: string, schema: RecordSchema): Promise<number | undefined> => {
    const json = { schema: JSON.stringify(schema) };
    const found = await ask(`/subjects/${encodeURIComponent(subject)}`, { json });
    if (found === undefined) return undefined;
    const { id } = found as { id?: unknown };
    if (typeof id !== "number") throw unexpectedAnswer(`subject ${subject}`);
    return id;
  };

  return {
    idOf: async (subject, schema) => {
      const id = await find(subject, schema);
      if (id !== undefined) return id;
      throw new FatalError(
        `the schema registry has no "${subject}" with the schema ${schema.name} ${fingerprintOf(schema)} of this version`,
        "Run the deploy step that creates topics and registers schemas (npm run deploy:topics)",
      );
    },

    writerType: createWriterTypes(ask),

    register: async (subject, schema) => {
      const existing = await find(subject, schema);
      if (existing !== undefined) return { id: existing, change: "unchanged" };
      try {
        const { id } = await client.register(confluent(schema), {
          subject,
          compatibility: COMPATIBILITY.FULL_TRANSITIVE,
        });
        return { id, change: "registered" };
      } catch (error) {
        if (statusOf(error) === 409 || statusOf(error) === 422) {
          throw new IncompatibleSchemaError(
            `the schema ${schema.name} is not compatible with an earlier version of "${subject}": ${messageOf(error)}`,
            "Only fields with a default may be added or removed; add a new field instead of changing one",
            { cause: error },
          );
        }
        throw unavailable(error);
      }
    },

    deleteVersions: async (subject) => {
      await ask(`/subjects/${encodeURIComponent(subject)}`, { method: "DELETE" });
    },

    ping: async () => {
      if ((await ask("/config")) === undefined) throw unexpectedAnswer("its configuration");
    },
  };
}

const unexpectedAnswer = (about: string): TransientError =>
  new TransientError("registry", `the answer about ${about} is not one of a schema registry`);

/** By default the client waits for ever, also if the registry has received the request and hangs. */
const giveUpAfter =
  (timeoutMs: number): Middleware =>
  () => ({
    prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }),
  });

type Middleware = NonNullable<
  ConstructorParameters<typeof RegistryClient>[0]["middlewares"]
>[number];

/** The registered schema includes our own attributes (unit, example, …). */
const confluent = (schema: RecordSchema): { type: SchemaType.AVRO; schema: string } => ({
  type: SchemaType.AVRO,
  schema: JSON.stringify(schema),
});

/** Another server may have answered in the registry's place, so all other errors are transient. */
const unavailable = (error: unknown): TransientError =>
  new TransientError("registry", reasonOf(error), { cause: error });

/** Returns the message of the cause, which has the reason of a failed connection. */
function reasonOf(error: unknown): string {
  const cause = typeof error === "object" && error !== null && "cause" in error && error.cause;
  return cause ? messageOf(cause) : messageOf(error);
}

const statusOf = (error: unknown): number | undefined =>
  typeof error === "object" &&
  error !== null &&
  "status" in error &&
  typeof error.status === "number"
    ? error.status
    : undefined;

const fingerprintOf = (schema: RecordSchema): string =>
  createHash("sha256").update(JSON.stringify(schema)).digest("hex").slice(0, 8);
