-- Work that consoles do in the background, such as sending dead letters back. A console holds a job by a lease that it renews;
-- when it dies, another one takes the job over where it was.
CREATE TABLE jobs (
  job_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  lease_until timestamptz,
  lease_holder uuid,
  attempts integer NOT NULL DEFAULT 0,
  dry_run boolean NOT NULL DEFAULT false,
  kind text NOT NULL CHECK (kind IN ('redrive')),
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  tenant text,
  created_by text NOT NULL,
  cancelled_by text,
  problem text,
  request jsonb NOT NULL,
  progress jsonb NOT NULL DEFAULT '{}',
  result jsonb,
  CHECK ((finished_at IS NULL) = (state IN ('queued', 'running'))),
  CHECK (pg_column_size(request) <= 131072)
)
WITH (fillfactor = 50);
-- What runners look for, and the list with the newest first.
CREATE INDEX jobs_unfinished ON jobs (created_at) WHERE finished_at IS NULL;
-- Two redrives at a time would send the letters twice that both of them select.
CREATE UNIQUE INDEX jobs_one_running ON jobs (kind) WHERE state = 'running';
CREATE INDEX jobs_newest ON jobs (created_at DESC, job_id DESC);
-- What a follower of changes looks for.
CREATE INDEX jobs_updated ON jobs (updated_at);

COMMENT ON TABLE jobs IS 'Work that consoles do in the background: who asked for it, how far it is, what came of it';
COMMENT ON COLUMN jobs.job_id IS 'Names the job';
COMMENT ON COLUMN jobs.created_at IS 'When it was asked for';
COMMENT ON COLUMN jobs.started_at IS 'When a console first began with it; null before';
COMMENT ON COLUMN jobs.updated_at IS 'When this row last changed';
COMMENT ON COLUMN jobs.finished_at IS 'When it succeeded, failed or was cancelled; null before';
COMMENT ON COLUMN jobs.cancel_requested_at IS 'When somebody asked to cancel it; the console that runs it stops then';
COMMENT ON COLUMN jobs.lease_until IS 'Until when the console that runs it holds it; after that another one takes it over';
COMMENT ON COLUMN jobs.lease_holder IS 'Process of the console that runs it; null: none';
COMMENT ON COLUMN jobs.attempts IS 'How often it was begun since it last made progress';
COMMENT ON COLUMN jobs.dry_run IS 'Whether it only counts what it would do';
COMMENT ON COLUMN jobs.kind IS 'redrive: sends dead letters back to the topics that they came from';
COMMENT ON COLUMN jobs.state IS 'queued, running, succeeded, failed or cancelled';
COMMENT ON COLUMN jobs.tenant IS 'Tenant whose data it is about; null: all';
COMMENT ON COLUMN jobs.created_by IS 'Key id of the reader who asked for it; open with AUTH_MODE=open';
COMMENT ON COLUMN jobs.cancelled_by IS 'Key id of the reader who cancelled it';
COMMENT ON COLUMN jobs.problem IS 'Why it failed, or what it waits for; null: nothing is wrong';
COMMENT ON COLUMN jobs.request IS 'What was asked for, by kind';
COMMENT ON COLUMN jobs.progress IS 'How far it is, by kind: done and total, and counts';
COMMENT ON COLUMN jobs.result IS 'What came of it, by kind; null before it has finished';

-- The console may not delete jobs, and nobody else writes here: the table keeps itself short.
CREATE FUNCTION jobs_expire() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM public.jobs WHERE finished_at < now() - interval '90 days';
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION jobs_expire() IS 'Removes jobs that finished more than 90 days ago';
CREATE TRIGGER jobs_expire AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION jobs_expire();

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON jobs TO fiberstream_console;
    GRANT INSERT (kind, dry_run, tenant, created_by, request) ON jobs TO fiberstream_console;
    GRANT UPDATE (started_at, updated_at, finished_at, cancel_requested_at, cancelled_by, lease_until, lease_holder,
                  attempts, state, problem, progress, result)
      ON jobs TO fiberstream_console;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    GRANT SELECT ON jobs TO fiberstream_reader;
  END IF;
END
$$;
