-- Up to which entry the auditor has published the audit log to Kafka. After a crash it may be behind what the topic has: an entry is
-- published again then. The auditor does not trust it, as the owner of the database can change it: it compares the log with what the
-- topics have.
CREATE TABLE audit_published (
  is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
  origin text,
  topic_id text,
  seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
  published_at timestamptz
);
INSERT INTO audit_published DEFAULT VALUES;

COMMENT ON TABLE audit_published IS 'One row: up to which entry of audit_log the topic audit.entries has it';
COMMENT ON COLUMN audit_published.is_only_row IS 'Always true, so that there is one row';
COMMENT ON COLUMN audit_published.origin IS 'The auditor''s setting AUDIT_ORIGIN, by which it published; with another one it begins again';
COMMENT ON COLUMN audit_published.topic_id IS 'Kafka''s id of the topic; in a topic that was created again it begins again';
COMMENT ON COLUMN audit_published.seq IS 'Number of the last entry that the topic has; 0: none';
COMMENT ON COLUMN audit_published.published_at IS 'When it was published';

DO $$
BEGIN
  CREATE ROLE fiberstream_auditor NOLOGIN;
EXCEPTION
  -- Another database of the server has made it, maybe at this moment.
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'role fiberstream_auditor is left out: this user may not create roles';
END
$$;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_auditor') THEN
    GRANT USAGE ON SCHEMA public TO fiberstream_auditor;
    GRANT SELECT ON audit_log, audit_head, audit_published TO fiberstream_auditor;
    GRANT UPDATE (origin, topic_id, seq, published_at) ON audit_published TO fiberstream_auditor;
    GRANT EXECUTE ON FUNCTION record_service_version(text, text) TO fiberstream_auditor;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON audit_published FROM fiberstream_reader;
  END IF;
END
$$;
