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

/**
 * Creates the clients of a cluster. They connect when they are used.
 * @throws when a certificate file cannot be read
 */
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
    // One case for each mechanism, because the client's type has one member for each.
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

/** Returns a logger with the methods of pino's that the shared code calls. They are called as methods, because pino's need `this`. */
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
