import type { DeadLetter } from "@fiberstream/kafka/dead-letters";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";

/** Whose event a dead letter has: its tenant, and its node if the event names one. */
export type Owner = { readonly tenant: string; readonly node: string | null };

/**
 * Returns the tenant to which each dead letter certainly belongs; undefined if that cannot be shown. The gateway writes the
 * tenant into the event, so it is known only if the event can be decoded: neither the key nor a header is evidence.
 * The function throws {TransientError} while the registry is unavailable.
 */
export type FindOwners = (
  letters: readonly DeadLetter[],
) => Promise<(letter: DeadLetter) => Owner | undefined>;

/** Of letters that have failed for these reasons there is no event to decode, and their schema ids may be invented. */
const WITHOUT_EVENT: ReadonlySet<string> = new Set(["not-avro", "unknown-schema", "undecodable"]);
/** Schemas that have a tenant. */
const EVENTS: ReadonlySet<string> = new Set(["ProbeMetric", "EnrichedProbeMetric"]);
/** How many schema ids that the registry does not have are asked for at a time. */
const MAX_MISSING = 10;

export const createFindOwners =
  (registry: Pick<SchemaRegistry, "writerType">): FindOwners =>
  async (letters) => {
    const owners = new Map<DeadLetter, Owner>();
    let missing = 0;
    for (const letter of letters) {
      const { value } = letter.record;
      const isWhole = letter.cutFromBytes === undefined && !WITHOUT_EVENT.has(letter.failureClass);
      if (!isWhole || value === null || letter.schemaId === undefined) continue;
      if (missing >= MAX_MISSING) continue;
      const writer = await registry.writerType(letter.schemaId);
      if (writer.kind === "dead") missing++;
      else if (EVENTS.has(writer.value.branchName?.split(".").at(-1) ?? "")) {
        const owner = ownerIn(writer.value, value.subarray(WIRE_PREFIX_BYTES));
        if (owner !== undefined) owners.set(letter, owner);
      }
    }
    return (letter) => owners.get(letter);
  };

function ownerIn(
  type: { fromBuffer: (bytes: Buffer) => unknown },
  bytes: Buffer,
): Owner | undefined {
  try {
    const { tenant, node_id: node } = type.fromBuffer(bytes) as {
      tenant?: unknown;
      node_id?: unknown;
    };
    if (typeof tenant !== "string" || tenant === "") return undefined;
    return { tenant, node: typeof node === "string" ? node : null };
  } catch {
    return undefined;
  }
}
