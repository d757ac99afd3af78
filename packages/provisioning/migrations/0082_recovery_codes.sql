-- ASVS 6.5.2: codes below 112 bits would need a slow hash.
COMMENT ON COLUMN users.recovery_codes IS 'SHA-256 of the recovery codes that are left, 120 random bits each';
