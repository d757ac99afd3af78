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
   * The id of `schema` under `subject`.
   * @throws {FatalError} when the registry itself says that the subject is missing or has other schemas only
   * @throws {TransientError} when the registry is unavailable, or another one answers in its place
   */
  idOf: (subject: string, schema: RecordSchema) => Promise<number>;
  /**
   * The writer's type for a schema id, kept for good; dead when the registry itself says that it has none, or when
   * what it has is no Avro.
   * @throws {TransientError} when the registry is unavailable, or another one answers in its place
   */
  writerType: (id: number) => Promise<Outcome<avsc.Type>>;
  /**
   * Registers `schema` where it is not yet, for readers of any version (FULL_TRANSITIVE).
   * @throws {FatalError} when it is not compatible with an earlier version
   * @throws {TransientError} when the registry is unavailable
   */
  register: (
    subject: string,
    schema: RecordSchema,
  ) => Promise<{ id: number; change: "registered" | "unchanged" }>;
  /** @throws {TransientError} when the registry is unavailable */
  ping: () => Promise<void>;
};

/**
 * @param options.url base URL of a registry with Confluent's API
 * @param options.security who to say one is, and who may vouch for the registry
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
  // Callers wait and try again themselves, so the client's own tries are few and short.
  const client = new RegistryClient({
    host: options.url,
    ...(user !== undefined && { auth: user }),
    ...(ca !== undefined && { agent: new Agent({ ca }) }),
    middlewares: [giveUpAfter(timeoutMs)],
    retry: { retries: 1, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 0.5 },
  });
  const ask = createAskRegistry({ ...options, timeoutMs });

  const find = async (subject: string, schema: RecordSchema): Promise<number | undefined> => {
    const body = { schema: JSON.stringify(schema) };
    const found = await ask(`/subjects/${encodeURIComponent(subject)}`, body);
    if (found === undefined) return undefined;
    const { id } = found as { id?: unknown };
    if (typeof id !== "number") throw unlikeItself(`subject ${subject}`);
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
          throw new FatalError(
            `the schema ${schema.name} is not compatible with an earlier version of "${subject}": ${messageOf(error)}`,
            "Only fields with a default may come and go; add a new field instead of changing one",
            { cause: error },
          );
        }
        throw away(error);
      }
    },

    ping: async () => {
      if ((await ask("/config")) === undefined) throw unlikeItself("its configuration");
    },
  };
}

const unlikeItself = (about: string): TransientError =>
  new TransientError("registry", `the schema registry's answer about ${about} is none of its own`);

/** The client waits for ever by default, also for a registry that has the request and is stuck. */
const giveUpAfter =
  (timeoutMs: number): Middleware =>
  () => ({
    prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }),
  });

type Middleware = NonNullable<
  ConstructorParameters<typeof RegistryClient>[0]["middlewares"]
>[number];

/** Our attributes for people (unit, example, …) are part of what is registered. */
const confluent = (schema: RecordSchema): { type: SchemaType.AVRO; schema: string } => ({
  type: SchemaType.AVRO,
  schema: JSON.stringify(schema),
});

/** The client's error: whoever has refused may have stood in the registry's place, so it is waited for. */
const away = (error: unknown): TransientError =>
  new TransientError("registry", reasonOf(error), { cause: error });

/** Names a refused connection, which the HTTP clients hide in the cause. */
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
