-- Whoever makes base backups notes each here when it has ended: the server itself does not know of them, and
-- nobody would miss one that was not made.
CREATE TABLE base_backups (
  finished_at timestamptz NOT NULL DEFAULT now(),
  note text
);
COMMENT ON TABLE base_backups IS 'Base backups of this server that have ended, noted by whoever makes them';
COMMENT ON COLUMN base_backups.finished_at IS 'When it had ended';
COMMENT ON COLUMN base_backups.note IS 'Where it is, or what else whoever made it wants to say';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT SELECT ON base_backups TO fiberstream_sink;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON base_backups TO fiberstream_reader;
  END IF;
END
$$;
