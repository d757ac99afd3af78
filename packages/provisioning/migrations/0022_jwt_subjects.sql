-- A subject whose key was revoked may have another one.
ALTER TABLE api_keys DROP CONSTRAINT api_keys_jwt_subject_key;
CREATE UNIQUE INDEX api_keys_jwt_subject_in_use ON api_keys (jwt_subject) WHERE revoked_at IS NULL;
-- For gateways, which look for revoked ones too.
CREATE INDEX api_keys_jwt_subject ON api_keys (jwt_subject) WHERE jwt_subject IS NOT NULL;
