-- What the gateway of 0.1.0 asks of the database. A newer database has to answer it: never change this file.

SELECT key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst, requires_signature, expires_at, revoked_at FROM api_keys WHERE key_id = $1;

SELECT key_id, secret_sha256, tenant, node_pattern, rate_per_second, burst, requires_signature, expires_at, revoked_at FROM api_keys WHERE jwt_subject = $1;
