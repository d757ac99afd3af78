-- How far each file that fiber import was given has been read. A batch of rows and this position commit together, so an
-- import that was interrupted resumes where it ended.
CREATE TABLE imports (
  file_digest text NOT NULL CHECK (file_digest ~ '^[0-9a-f]{64}$'),
  tenant text NOT NULL,
  file_name text NOT NULL,
  file_bytes bigint NOT NULL,
  format text NOT NULL CHECK (format IN ('csv', 'ndjson', 'parquet')),
  rows_read bigint NOT NULL DEFAULT 0,
  rows_inserted bigint NOT NULL DEFAULT 0,
  rows_repeated bigint NOT NULL DEFAULT 0,
  rows_in_conflict bigint NOT NULL DEFAULT 0,
  rows_rejected bigint NOT NULL DEFAULT 0,
  nodes_added bigint NOT NULL DEFAULT 0,
  started_by text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (file_digest, tenant)
)
WITH (fillfactor = 50);

COMMENT ON TABLE imports IS 'Files that fiber import has read into metrics, and how far';
COMMENT ON COLUMN imports.file_digest IS 'SHA-256 of the file: a changed file is another import';
COMMENT ON COLUMN imports.tenant IS 'Tenant of the rows that name none';
COMMENT ON COLUMN imports.file_name IS 'Name of the file when it was last imported';
COMMENT ON COLUMN imports.file_bytes IS 'Size of the file';
COMMENT ON COLUMN imports.format IS 'csv, ndjson or parquet';
COMMENT ON COLUMN imports.rows_read IS 'Rows of the file that are dealt with; an interrupted import resumes behind them';
COMMENT ON COLUMN imports.rows_inserted IS 'How many of them were inserted into metrics';
COMMENT ON COLUMN imports.rows_repeated IS 'How many were in metrics already, with the same content';
COMMENT ON COLUMN imports.rows_in_conflict IS 'How many were in metrics already, with other content; they are in metric_conflicts';
COMMENT ON COLUMN imports.rows_rejected IS 'How many were rejected, because they are not valid';
COMMENT ON COLUMN imports.nodes_added IS 'Nodes that were missing in nodes and were added';
COMMENT ON COLUMN imports.started_by IS 'Who started it: user of the machine, and of the database';
COMMENT ON COLUMN imports.started_at IS 'When it was started';
COMMENT ON COLUMN imports.updated_at IS 'When its last batch was written';
COMMENT ON COLUMN imports.finished_at IS 'When the end of the file was reached; null before';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON imports TO fiberstream_reader;
  END IF;
END
$$;
