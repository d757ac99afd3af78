-- With a default, so that the commands of before go on making keys.
ALTER TABLE api_keys
  ADD COLUMN max_nodes integer NOT NULL DEFAULT 10000 CHECK (max_nodes >= 1);

COMMENT ON COLUMN api_keys.max_nodes IS 'How many nodes of its pattern the key may report for, within 30 days';
