import { Transform } from "node:stream";
import type { ExportColumn } from "@fiberstream/parquet/columns";
import { kindOfType, selectedAs } from "@fiberstream/parquet/table-columns";
import { quoted, type TableColumns } from "../questions/table-columns.ts";
import { eventFields } from "../routes/events/event-fields.ts";
import { jsonLine } from "./json-line.ts";
import { parquetStream } from "./parquet-stream.ts";

export type ExportFormat = {
  readonly contentType: string;
  /** Of COPY. */
  readonly copy: string;
  /** Returns the query whose rows are copied; `rest` is what follows FROM metrics. */
  readonly select: (rest: string) => string;
  /** Makes the stream between the rows and the answer, which also writes its end. */
  readonly through: (rows: () => number) => Transform;
};

export const EXPORT_FORMATS = ["csv", "ndjson", "parquet"] as const;

export const CONTENT_TYPES = {
  csv: "text/csv; charset=utf-8; header=present",
  ndjson: "application/x-ndjson",
  parquet: "application/vnd.apache.parquet",
} as const satisfies Record<(typeof EXPORT_FORMATS)[number], string>;

/** COPY writes each row as a line of JSON: JSON has none of these two characters, so that PostgreSQL quotes nothing. */
const AS_JSON = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'";

/** Returns how the events of a table with these columns are written. */
export function exportFormats(
  columns: TableColumns,
): Record<(typeof EXPORT_FORMATS)[number], ExportFormat> {
  const fields = eventFields(columns);
  const line = jsonLine(columns);
  const inParquet = Array.from(columns, ([name, type]): ExportColumn => {
    // A later version may drop NOT NULL while this console runs.
    return { name, kind: kindOfType(type), isNullable: true };
  });
  const parquetFields = inParquet.map(({ name, kind }) => {
    const column = quoted(name);
    return `${selectedAs(kind, `metrics.${column}`)} AS ${column}`;
  });
  return {
    csv: {
      contentType: CONTENT_TYPES.csv,
      copy: "FORMAT csv, HEADER",
      select: (rest) => `SELECT ${fields} FROM metrics ${rest}`,
      through: withLastLine((rows) => `# end: ${rows} rows\n`),
    },
    ndjson: {
      contentType: CONTENT_TYPES.ndjson,
      copy: AS_JSON,
      select: (rest) => `SELECT ${line} FROM metrics ${rest}`,
      through: withLastLine((rows) => `{"end":true,"rows":${rows}}\n`),
    },
    parquet: {
      contentType: CONTENT_TYPES.parquet,
      copy: AS_JSON,
      select: (rest) => jsonOf(`SELECT ${parquetFields.join(", ")} FROM metrics ${rest}`),
      through: () => parquetStream(inParquet),
    },
  };
}

const jsonOf = (query: string) => `SELECT row_to_json(answered) FROM (${query}) AS answered`;

const withLastLine = (lastLine: (rows: number) => string) => (rows: () => number) =>
  new Transform({
    transform: (chunk: Buffer, _, done) => done(null, chunk),
    flush: (done) => done(null, lastLine(rows())),
  });
