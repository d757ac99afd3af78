import { type KafkaSecurity, kafkaAccess } from "@fiberstream/kafka/access";
import { ensureGrants, type Grant } from "@fiberstream/kafka/acl-admin";
import { createKafka } from "@fiberstream/kafka/kafka";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { createLog, type Log } from "@fiberstream/runtime/log";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import roles from "../kafka/acls.json" with { type: "json" };
import { aclSettings } from "./steps/acl-settings.ts";
import { runStep } from "./steps/run-step.ts";

export type Principals = ConfigOf<ReturnType<typeof aclSettings>>;

/**
 * Grants each role of `deploy/kafka/acls.json` what the file says, for clusters with an authorizer.
 *
 * @param options.namespace prefix of topics, groups and transactional ids on this cluster
 * @param options.print is given a line for each grant, and for each that is not in the file
 * @throws {TransientError} when Kafka is away
 * @throws {FatalError} when it has no authorizer, or this user may not alter the cluster
 */
export async function deployAcls(options: {
  brokers: readonly string[];
  security: KafkaSecurity;
  namespace: string;
  principals: Principals;
  log: Log;
  print: (line: string) => void;
}): Promise<void> {
  const { namespace, principals, print } = options;
  const kafka = createKafka({ ...options, clientId: "fiberstream-deploy" });
  const grants = Object.entries<readonly Line[]>(roles).flatMap(([role, lines]) =>
    lines.flatMap((line) => grantsOf(line, namespace, principals[role as keyof Principals])),
  );
  const { granted, beyond } = await ensureGrants({ kafka, grants });
  for (const words of granted) print(`granted: ${words}`);
  for (const words of beyond) print(`not in the file, left as it is: ${words}`);
  if (granted.length === 0) print("all grants are there");
}

/** A resource by exactly one of the names, or the cluster itself, and what may be done with it. READ and WRITE bring DESCRIBE. */
type Line = {
  readonly topic?: string;
  readonly group?: string;
  readonly groupPrefix?: string;
  readonly transactionalIdPrefix?: string;
  readonly cluster?: boolean;
  readonly operations: readonly string[];
};

function grantsOf(line: Line, namespace: string, principal: string): Grant[] {
  const { topic, group, groupPrefix, transactionalIdPrefix, operations } = line;
  const prefix = groupPrefix ?? transactionalIdPrefix;
  return operations.map((operation) => ({
    principal,
    resource: kindOf(line),
    // Kafka's own name for the cluster.
    name: line.cluster ? "kafka-cluster" : `${namespace}${topic ?? group ?? prefix}`,
    pattern: prefix === undefined ? "LITERAL" : "PREFIXED",
    operation: operation as Grant["operation"],
  }));
}

function kindOf({ topic, transactionalIdPrefix, cluster }: Line): Grant["resource"] {
  if (cluster) return "CLUSTER";
  if (topic !== undefined) return "TOPIC";
  return transactionalIdPrefix === undefined ? "GROUP" : "TRANSACTIONAL_ID";
}

if (import.meta.main) {
  await runStep({
    name: "acls",
    description: "Grant the services what they need of Kafka, and nothing else.",
    settings: { ...kafkaSettings(), ...aclSettings() },
    run: (config, print) =>
      deployAcls({
        ...kafkaAccess(config),
        namespace: config.namespace,
        principals: config,
        log: createLog({ service: "acls", level: "error", format: "auto" }),
        print,
      }),
  });
}
