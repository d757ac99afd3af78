-- Tags are in each event of their node and in its record of probe.nodes, which Kafka takes 1 MB of at most. Only where
-- they are written: rows that have larger ones already can still be touched, and are read as if they had none.
CREATE FUNCTION nodes_bound_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tags of node % take more than 16 kB', NEW.node_id USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER nodes_bound_tags BEFORE INSERT OR UPDATE OF tags ON nodes
  FOR EACH ROW WHEN (octet_length(NEW.tags::text) > 16384) EXECUTE FUNCTION nodes_bound_tags();
