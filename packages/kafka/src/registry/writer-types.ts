import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import { dead, ok, type Outcome } from "@fiberstream/runtime/outcome";
import avsc from "avsc";
import type { AskRegistry } from "./ask-registry.ts";

/** A schema in the registry, by its id or as a reference of another schema. */
type Registered = {
  readonly schema: string;
  /** Left out for Avro. */
  readonly schemaType?: string;
  readonly references?: readonly { readonly subject: string; readonly version: number }[];
};

/**
 * Returns a function that looks up the writer's type of a schema id. A schema never changes, so it is read once; only
 * missing ones are looked up again. If there is no type, the function returns the reason: a schema that is not Avro is the
 * fault of the record with its id, and waiting would not help.
 * The function throws TransientError when the registry is unavailable, or another server answers in its place.
 */
export function createWriterTypes(ask: AskRegistry): (id: number) => Promise<Outcome<avsc.Type>> {
  const types = new Map<number, Outcome<avsc.Type>>();

  const registered = async (path: string): Promise<Registered | undefined> => {
    const found = await ask(path);
    if (found === undefined || isRegistered(found)) return found;
    throw new TransientError("registry", `the schema registry's answer to ${path} has no schema`);
  };

  /**
   * Adds the references of a schema to `into`, each once, before the schemas that use them.
   * @returns the path of a missing reference, if there is one
   */
  const addReferences = async (
    { references = [] }: Registered,
    into: Map<string, Registered>,
  ): Promise<string | undefined> => {
    for (const { subject, version } of references) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
      if (into.has(path)) continue;
      const found = await registered(path);
      if (found === undefined) return path;
      const missing = await addReferences(found, into);
      if (missing !== undefined) return missing;
      into.set(path, found);
    }
    return undefined;
  };

  return async (id) => {
    const known = types.get(id);
    if (known !== undefined) return known;
    const found = await registered(`/schemas/ids/${id}`);
    if (found === undefined) return none(id, `the schema registry has no schema id ${id}`);
    const before = new Map<string, Registered>();
    const missing = await addReferences(found, before);
    if (missing !== undefined)
      return none(
        id,
        `schema id ${id} refers to ${missing}, which the schema registry does not have`,
      );
    const type = typeOf(id, [...before.values(), found]);
    types.set(id, type);
    return type;
  };
}

/** @param schemas the wanted one last, after those whose names it uses */
function typeOf(id: number, schemas: readonly Registered[]): Outcome<avsc.Type> {
  const registry: Record<string, avsc.Type> = {};
  let type: avsc.Type | undefined;
  for (const { schema, schemaType = AVRO } of schemas) {
    if (schemaType !== AVRO) return none(id, `schema id ${id} is ${schemaType}, not Avro`);
    try {
      type = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, { registry });
    } catch (error) {
      return none(id, `schema id ${id} cannot be read as Avro: ${messageOf(error)}`);
    }
  }
  return type === undefined ? none(id, `schema id ${id} is empty`) : ok(type);
}

const AVRO = "AVRO";

const none = (schemaId: number, message: string): Outcome<never> =>
  dead({ failureClass: "unknown-schema", message, schemaId });

const isRegistered = (found: unknown): found is Registered =>
  typeof found === "object" &&
  found !== null &&
  "schema" in found &&
  typeof found.schema === "string";
