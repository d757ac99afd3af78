-- Whether a log was cut back below a stored offset shows by the leader epoch of the record before it (KIP-320). The epoch
-- counts only where leader_epoch_at is next_offset: a sink of before, and whoever moves an offset by hand, leave it as it is.
ALTER TABLE sink_offsets ADD COLUMN leader_epoch integer, ADD COLUMN leader_epoch_at bigint;

COMMENT ON COLUMN sink_offsets.leader_epoch IS 'Epoch of the leader that had taken the last record before next_offset; null while not known';
COMMENT ON COLUMN sink_offsets.leader_epoch_at IS 'The next_offset that leader_epoch was stored with; where they differ it is not known';

ALTER TABLE reconciliation_positions ADD COLUMN begun_anew_to bigint;

COMMENT ON COLUMN reconciliation_positions.begun_anew_to IS 'The processor has begun raw anew since its offset was deleted: what it had read up to here may lack in the books; null when it has not';
