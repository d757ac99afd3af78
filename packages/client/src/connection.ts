import type { KafkaSecurity } from "@fiberstream/kafka/access";
import { createKafka, type KafkaClient } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry, type SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import type { Log } from "@fiberstream/runtime/log";
import type { ClientLog, Cluster, ClusterSasl } from "./cluster.ts";

export type Connection = {
  readonly kafka: KafkaClient;
  readonly registry: SchemaRegistry;
  readonly log: Log;
};

/** Nothing connects before it is used. @throws when a file of certificates cannot be read */
export function connectionTo(cluster: Cluster): Connection {
  const { brokers, schemaRegistryUrl, clientId = "fiberstream-client", tls, sasl } = cluster;
  const log = logOf(cluster.log ?? SILENT);
  const security: KafkaSecurity = {
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl: saslOf(sasl) }),
  };
  return {
    kafka: createKafka({ brokers, clientId, security, log }),
    registry: createSchemaRegistry({ url: schemaRegistryUrl, security: cluster.registry ?? {} }),
    log,
  };
}

function saslOf(sasl: ClusterSasl): NonNullable<KafkaSecurity["sasl"]> {
  switch (sasl.mechanism) {
    case "oauthbearer": {
      const { mechanism, token } = sasl;
      return { mechanism, oauthBearerProvider: async () => ({ value: await token() }) };
    }
    // One case each: the client's type has one member for each mechanism.
    case "plain":
      return { ...sasl, mechanism: sasl.mechanism };
    case "scram-sha-256":
      return { ...sasl, mechanism: sasl.mechanism };
    case "scram-sha-512":
      return { ...sasl, mechanism: sasl.mechanism };
  }
}

const nothing = () => undefined;
const SILENT: ClientLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** The part of pino's logger that the shared code calls. Its methods are called as methods: pino's want that. */
function logOf(log: ClientLog): Log {
  const lines = {
    trace: nothing,
    debug: (fields: object, message: string) => log.debug(fields, message),
    info: (fields: object, message: string) => log.info(fields, message),
    warn: (fields: object, message: string) => log.warn(fields, message),
    error: (fields: object, message: string) => log.error(fields, message),
    fatal: (fields: object, message: string) => log.error(fields, message),
  };
  return lines as unknown as Log;
}
