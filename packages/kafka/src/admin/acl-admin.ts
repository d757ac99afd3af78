import kafkajs, { type AclEntry } from "kafkajs";
import type { KafkaClient } from "../kafka.ts";
import { withAdmin } from "../kafkajs/with-admin.ts";

/** A permission of one principal, from any host. */
export type Grant = {
  /** As the brokers name it, such as `User:sink-writer` or `User:CN=sink-writer`. */
  readonly principal: string;
  readonly resource: "TOPIC" | "GROUP" | "TRANSACTIONAL_ID" | "CLUSTER";
  readonly name: string;
  readonly pattern: "LITERAL" | "PREFIXED";
  readonly operation: "READ" | "WRITE" | "DESCRIBE" | "DESCRIBE_CONFIGS";
};

/**
 * Grants missing permissions. Further permissions of a principal stay, because somebody may rely on them.
 *
 * @returns descriptions of what was granted, and of permissions that are not in `grants`
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError} when Kafka rejects the request, or has no authorizer
 */
export async function ensureGrants(options: {
  kafka: KafkaClient;
  grants: readonly Grant[];
}): Promise<{ granted: string[]; beyond: string[] }> {
  const wanted = new Map(options.grants.map((grant) => [describe(entryOf(grant)), entryOf(grant)]));
  return withAdmin(options.kafka, async (admin) => {
    const held = new Set<string>();
    for (const principal of new Set(options.grants.map((grant) => grant.principal))) {
      for (const entry of await grantsOf(admin, principal)) held.add(describe(entry));
    }
    const missing = [...wanted].filter(([words]) => !held.has(words));
    if (missing.length > 0) await admin.createAcls({ acl: missing.map(([, entry]) => entry) });
    return {
      granted: missing.map(([words]) => words),
      beyond: [...held].filter((words) => !wanted.has(words)),
    };
  });
}

async function grantsOf(
  admin: ReturnType<KafkaClient["admin"]>,
  principal: string,
): Promise<AclEntry[]> {
  const { resources } = await admin.describeAcls({
    principal,
    resourceType: kafkajs.AclResourceTypes.ANY,
    resourcePatternType: kafkajs.ResourcePatternTypes.ANY,
    operation: kafkajs.AclOperationTypes.ANY,
    permissionType: kafkajs.AclPermissionTypes.ANY,
  });
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...acl, ...resource })));
}

const entryOf = ({ principal, resource, name, pattern, operation }: Grant): AclEntry => ({
  principal,
  host: "*",
  resourceType: kafkajs.AclResourceTypes[resource],
  resourceName: name,
  resourcePatternType: kafkajs.ResourcePatternTypes[pattern],
  operation: kafkajs.AclOperationTypes[operation],
  permissionType: kafkajs.AclPermissionTypes.ALLOW,
});

function describe(entry: AclEntry): string {
  const nameIn = (names: object, value: number) =>
    Object.entries(names).find(([, number]) => number === value)?.[0] ?? String(value);
  const { principal, host, resourceName } = entry;
  const verb = nameIn(kafkajs.AclPermissionTypes, entry.permissionType);
  const operation = nameIn(kafkajs.AclOperationTypes, entry.operation);
  const resource = nameIn(kafkajs.AclResourceTypes, entry.resourceType);
  const isPrefix = entry.resourcePatternType === kafkajs.ResourcePatternTypes.PREFIXED;
  const from = host === "*" ? "" : ` from ${host}`;
  return `${principal} ${verb} ${operation} ${resource} ${resourceName}${isPrefix ? "*" : ""}${from}`;
}
