-- Tells nodes that fell silent from those that an operator has deactivated: only the former report again
-- by themselves.
ALTER TABLE nodes ADD COLUMN silent_since timestamptz;
COMMENT ON COLUMN nodes.silent_since IS 'Since when nothing has come, if that is why it is inactive; not published';
COMMENT ON COLUMN nodes.status IS 'registered: known, no metric stored yet; reporting: sends metrics; inactive: has fallen silent, or an operator says so; deleted: an operator says so';

-- The few that the sink has to look at to find those that fell silent.
CREATE INDEX nodes_reporting ON nodes (node_id) WHERE status = 'reporting';
