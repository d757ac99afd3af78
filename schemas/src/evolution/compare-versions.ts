import type { RecordField, RecordSchema } from "../avro-schema.ts";
import type { Fault } from "./fault.ts";
import { shapeOf, typeFaults } from "./type-faults.ts";

/**
 * Finds what breaks between two versions of a record, in both directions (FULL compatibility), and changes that Avro
 * allows although they change the meaning of a value. Empty when all readers can read all records.
 */
export function compareVersions(older: RecordSchema, newer: RecordSchema): Fault[] {
  const heirs = new Map(older.fields.map((field) => [field, heirOf(field, newer)]));
  const inherited = new Set(heirs.values());
  const added = newer.fields.filter((field) => !inherited.has(field));
  const lost = older.fields.filter((field) => heirs.get(field) === undefined);
  const renamed = new Map(
    lost.map((field) => [field, renamedField(field, { older, newer, added })] as const),
  );
  const suspects = new Set(renamed.values());
  return [
    ...nameFaults(older, newer),
    ...older.fields.flatMap((field) => {
      const heir = heirs.get(field);
      return heir === undefined
        ? removalFaults(field, renamed.get(field))
        : changeFaults(field, heir);
    }),
    ...added.filter((field) => !suspects.has(field)).flatMap(additionFaults),
    ...orderFaults(older, newer),
  ];
}

const changeFaults = (field: RecordField, heir: RecordField): Fault[] => [
  ...renameFaults(field, heir),
  ...typeFaults(field, heir),
  ...meaningFaults(field, heir),
];

function nameFaults(older: RecordSchema, newer: RecordSchema): Fault[] {
  const [before, now] = [older, newer].map(({ namespace, name }) => `${namespace}.${name}`);
  if (before === now) return [];
  return [
    {
      what: `is now named ${now}, it was ${before}`,
      breaks: "old and new consumers",
      because: "Avro finds a record by its full name",
      instead: `Keep ${before}; a record with another name belongs in its own topic.`,
    },
  ];
}

const heirOf = ({ name }: RecordField, { fields }: RecordSchema): RecordField | undefined =>
  fields.find((field) => field.name === name) ??
  fields.find(({ aliases }) => aliases?.includes(name));

/** Finds a new field that is probably the old one renamed: with the same type, and the same position or doc. */
function renamedField(
  field: RecordField,
  versions: { older: RecordSchema; newer: RecordSchema; added: readonly RecordField[] },
): RecordField | undefined {
  const position = versions.older.fields.indexOf(field);
  return versions.added.find(
    (added) =>
      shapeOf(added.type) === shapeOf(field.type) &&
      (versions.newer.fields.indexOf(added) === position || added.doc === field.doc),
  );
}

function removalFaults(field: RecordField, heir: RecordField | undefined): Fault[] {
  const hasDefault = "default" in field;
  if (heir !== undefined) {
    return [
      {
        field: field.name,
        what: `was removed, and "${heir.name}" with the same type was added: that looks like a rename`,
        breaks: "old and new consumers",
        because: `old ones no longer find "${field.name}", and new ones do not find the old records' values under "${heir.name}"`,
        instead: hasDefault
          ? `Keep "${field.name}". If the name has to change, give "${heir.name}" the attribute "aliases": ["${field.name}"] and a default.`
          : `Keep "${field.name}", which has no default and so can never be removed; add "${heir.name}" as well, with a default.`,
      },
    ];
  }
  if (hasDefault) return [];
  return [
    {
      field: field.name,
      what: "was removed, and it had no default",
      breaks: "old consumers",
      because: `they need "${field.name}" and stop at the first record without it`,
      instead:
        "Restore it. A field without a default can never be removed; say in its doc if it is no longer filled.",
    },
  ];
}

function renameFaults(field: RecordField, heir: RecordField): Fault[] {
  if (field.name === heir.name || ("default" in field && "default" in heir)) return [];
  return [
    {
      field: field.name,
      what: `was renamed to "${heir.name}" by an alias, but without a default on both names`,
      breaks: "old consumers",
      because: `they know only "${field.name}", and have no value for it`,
      instead: `Keep "${field.name}" and add "${heir.name}" as well, with a default.`,
    },
  ];
}

const additionFaults = (field: RecordField): Fault[] =>
  "default" in field
    ? identityFaults(field)
    : [
        {
          field: field.name,
          what: "is new and has no default",
          breaks: "new consumers",
          because: "the records in the topic do not have it, so they cannot be read",
          instead: `Give it a default, for example "type": ["null", ${JSON.stringify(field.type)}] with "default": null.`,
        },
      ];

/** An event_id is computed from the identity, by every version in the same way. */
const identityFaults = ({ name, role }: RecordField): Fault[] =>
  role === "identity" || role === "id"
    ? [
        {
          field: name,
          what: `is new and has the role "${role}"`,
          breaks: "everybody who uses the value",
          because:
            "an event sent again after the upgrade would get another event_id, and a second row",
          instead: 'Give it the role "content".',
        },
      ]
    : [];

function meaningFaults(field: RecordField, heir: RecordField): Fault[] {
  const faults: Fault[] = [];
  if (field.role !== undefined && heir.role !== field.role) {
    faults.push({
      field: field.name,
      what: `had the role "${field.role}" and has now ${heir.role === undefined ? "none" : `"${heir.role}"`}`,
      breaks: "everybody who uses the value",
      because: "two versions side by side would not agree on which events are duplicates",
      instead: `Keep the role "${field.role}".`,
    });
  }
  if (field.unit !== undefined && heir.unit !== field.unit) {
    faults.push({
      field: field.name,
      what: `was in "${field.unit}" and is now ${heir.unit === undefined ? "without a unit" : `in "${heir.unit}"`}`,
      breaks: "everybody who uses the value",
      because: "the same number would mean another amount, and no program could tell which",
      instead: `Leave "${field.name}" as it is and add a field with the new unit in its name, with a default.`,
    });
  }
  if ("default" in field && "default" in heir && !isSame(field.default, heir.default)) {
    faults.push({
      field: field.name,
      what: `has the default ${JSON.stringify(heir.default)}, and had ${JSON.stringify(field.default)}`,
      breaks: "everybody who uses the value",
      because: "the same record without the field would be read differently",
      instead: `Keep the default ${JSON.stringify(field.default)}.`,
    });
  }
  return faults;
}

function orderFaults(older: RecordSchema, newer: RecordSchema): Fault[] {
  const positionOf = new Map(newer.fields.map(({ name }, position) => [name, position]));
  const common = older.fields.filter(({ name }) => positionOf.has(name));
  const moved = common.find(({ name }, index) => {
    const next = common[index + 1];
    return next !== undefined && (positionOf.get(name) ?? 0) > (positionOf.get(next.name) ?? 0);
  });
  if (moved === undefined) return [];
  return [
    {
      field: moved.name,
      what: "was moved behind fields that used to follow it",
      breaks: "readers by position",
      because:
        "Avro allows it, but records are also copied and exported by the order of their fields",
      instead: "Keep the order; new fields go to the end.",
    },
  ];
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
