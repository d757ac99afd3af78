-- Tells the sinks, which know the nodes that they have seen, that some are there no more: their next event makes them again.
CREATE TABLE node_deletions (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  count bigint NOT NULL DEFAULT 0
);
INSERT INTO node_deletions DEFAULT VALUES;

COMMENT ON TABLE node_deletions IS 'One row: how often something was deleted from nodes';
COMMENT ON COLUMN node_deletions.is_only IS 'Always true, so that there is one row';
COMMENT ON COLUMN node_deletions.count IS 'Statements that deleted from nodes';

-- With its owner's rights: whoever may delete a node may not be allowed to write here.
CREATE FUNCTION nodes_count_deletion() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  UPDATE node_deletions SET count = count + 1;
  RETURN NULL;
END
$$;
CREATE TRIGGER nodes_count_deletion AFTER DELETE OR TRUNCATE ON nodes
  FOR EACH STATEMENT EXECUTE FUNCTION nodes_count_deletion();

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_sink') THEN
    GRANT SELECT ON node_deletions TO fiberstream_sink;
  END IF;
END
$$;
