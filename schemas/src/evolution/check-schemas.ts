import type { RecordField, RecordSchema } from "../avro-schema.ts";
import { type AvroTopic, avroTopics, schemaNameOf, type SchemaTree } from "../avro-topics.ts";
import { compareVersions } from "./compare-versions.ts";
import type { Fault } from "./fault.ts";
import { pairFaults, positionFaults } from "./pair-rules.ts";
import { roleFaults } from "./role-rules.ts";
import { rulesBrokenBy } from "./schema-rules.ts";

/** A version to compare with, from the folder of released versions or from a registry. */
export type KnownVersion = {
  readonly topic: AvroTopic;
  readonly version: number;
  readonly schema: RecordSchema;
};

export type SchemaProblem = {
  readonly topic: AvroTopic;
  readonly fault: Fault;
  /** Incompatible versions; empty when the schema breaks a rule by itself. */
  readonly versions: readonly number[];
};

/**
 * Checks the next version of the topics' schemas: the rules for each schema, compatibility with every earlier version
 * (transitive), and raw and enriched as a pair.
 *
 * @param tree the new schemas
 * @param known earlier versions of the same topics, in any order
 */
export function checkSchemas(tree: SchemaTree, known: readonly KnownVersion[]): SchemaProblem[] {
  return avroTopics().flatMap((topic) => {
    const history = known
      .filter((one) => one.topic === topic)
      .sort((a, b) => a.version - b.version);
    return problemsOf(topic, tree, history);
  });
}

function problemsOf(
  topic: AvroTopic,
  tree: SchemaTree,
  history: readonly KnownVersion[],
): SchemaProblem[] {
  const schema = tree[topic];
  const pair = topic === RAW ? [...roleFaults(schema), ...pairFaults(schema, tree[ENRICHED])] : [];
  const own = [...rulesBrokenBy(schema), ...pair].map((fault) => ({ topic, fault, versions: [] }));
  const compared = byVersion(topic, history, ({ schema: older }) => compareVersions(older, schema));
  const latest = history.at(-1);
  // A removed or renamed field would be reported a second time as a field in the wrong position.
  if (compared.length > 0 || latest === undefined) return [...own, ...compared];
  const misplaced = positionFaults(latest.schema, schema, partIn(topic, tree));
  return [...own, ...misplaced.map((fault) => ({ topic, fault, versions: [] }))];
}

const RAW: AvroTopic = "probe.metrics.raw";
const ENRICHED: AvroTopic = "probe.metrics.enriched";

function partIn(topic: AvroTopic, tree: SchemaTree): (field: RecordField) => "raw" | "appended" {
  if (topic !== ENRICHED) return () => "appended";
  const rawNames = new Set(tree[RAW].fields.map(({ name }) => name));
  return ({ name }) => (rawNames.has(name) ? "raw" : "appended");
}

/** Joins the same fault with several versions to one problem. */
function byVersion(
  topic: AvroTopic,
  history: readonly KnownVersion[],
  faultsOf: (known: KnownVersion) => Fault[],
): SchemaProblem[] {
  const problems = new Map<string, SchemaProblem & { versions: number[] }>();
  for (const known of history) {
    for (const fault of faultsOf(known)) {
      const key = `${fault.field} ${fault.what}`;
      const problem = problems.get(key) ?? { topic, fault, versions: [] };
      problem.versions.push(known.version);
      problems.set(key, problem);
    }
  }
  return [...problems.values()];
}

/** Formats a problem for the author of the change: what is wrong, whom it breaks, what to do instead. */
export function problemText({ topic, fault, versions }: SchemaProblem): string {
  const { field, what, breaks, because, instead } = fault;
  const file = `schemas/avro/${schemaNameOf(topic)}.avsc`;
  const subject = field === undefined ? "the record" : `the field "${field}"`;
  const of = versions.length > 0 ? ` (${versionsText(versions)})` : "";
  return `${file}: ${subject} ${what}.\n  Breaks: ${breaks}${of}: ${because}.\n  Instead: ${instead}`;
}

function versionsText(versions: readonly number[]): string {
  const [first, last] = [versions[0], versions.at(-1)];
  if (versions.length === 1) return `version ${first}`;
  return last === (first ?? 0) + versions.length - 1
    ? `versions ${first} to ${last}`
    : `versions ${versions.join(", ")}`;
}
