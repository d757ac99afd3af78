import { type KafkaSecurity, kafkaAccess } from "@fiberstream/kafka/access";
import { ensureGrants, type Grant } from "@fiberstream/kafka/acl-admin";
import { createKafka } from "@fiberstream/kafka/kafka";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { createLog, type Log } from "@fiberstream/runtime/log";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import roles from "../kafka/acls.json" with { type: "json" };
import { aclSettings } from "./steps/acl-settings.ts";
import { logStep, stepLogSettings } from "./steps/log-step.ts";
import { runStep } from "./steps/run-step.ts";

export type Principals = ConfigOf<ReturnType<typeof aclSettings>>;

/**
 * Creates the ACLs of `deploy/kafka/acls.json` on a cluster with an authorizer. It deletes none.
 *
 * @param options.namespace prefix of topics, groups and transactional ids on this cluster
 * @param options.print gets a line for each ACL that was created, and for each that is not in the file
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError} when Kafka has no authorizer, or this user lacks the permission ALTER on the cluster
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
  const grants = Object.entries<readonly AclLine[]>(roles).flatMap(([role, lines]) =>
    lines.flatMap((line) => grantsOf(line, namespace, principals[role as keyof Principals])),
  );
  const { granted, beyond } = await ensureGrants({ kafka, grants });
  for (const acl of granted) print(`granted: ${acl}`);
  for (const acl of beyond) print(`not in acls.json, not changed: ${acl}`);
  if (granted.length === 0) print("all ACLs exist already");
}

/** One resource, named by exactly one of the fields, and the operations allowed on it. READ and WRITE include DESCRIBE. */
type AclLine = {
  readonly topic?: string;
  readonly group?: string;
  readonly groupPrefix?: string;
  readonly transactionalIdPrefix?: string;
  readonly cluster?: boolean;
  readonly operations: readonly string[];
};

function grantsOf(line: AclLine, namespace: string, principal: string): Grant[] {
  const { topic, group, groupPrefix, transactionalIdPrefix, operations } = line;
  const prefix = groupPrefix ?? transactionalIdPrefix;
  return operations.map((operation) => ({
    principal,
    resource: resourceTypeOf(line),
    // The resource name that Kafka uses for the cluster.
    name: line.cluster ? "kafka-cluster" : `${namespace}${topic ?? group ?? prefix}`,
    pattern: prefix === undefined ? "LITERAL" : "PREFIXED",
    operation: operation as Grant["operation"],
  }));
}

function resourceTypeOf({ topic, transactionalIdPrefix, cluster }: AclLine): Grant["resource"] {
  if (cluster) return "CLUSTER";
  if (topic !== undefined) return "TOPIC";
  return transactionalIdPrefix === undefined ? "GROUP" : "TRANSACTIONAL_ID";
}

if (import.meta.main) {
  await runStep({
    name: "acls",
    description:
      "Create the ACLs that the services need, on a Kafka with an authorizer. Existing ACLs are not deleted.",
    settings: { ...kafkaSettings(), ...aclSettings(), ...stepLogSettings() },
    run: ({ databaseUrl, ...config }, toOutput) =>
      logStep({
        action: "acls.deployment",
        object: "acls",
        databaseUrl,
        print: toOutput,
        work: (print) =>
          deployAcls({
            ...kafkaAccess(config),
            namespace: config.namespace,
            principals: config,
            log: createLog({ service: "acls", level: "error", format: "auto" }),
            print,
          }),
      }),
  });
}
