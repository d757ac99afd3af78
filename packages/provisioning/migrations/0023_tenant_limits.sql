CREATE TABLE tenant_limits (
  tenant text PRIMARY KEY CHECK (tenant ~ '^[A-Za-z0-9._-]{1,63}$'),
  rate_per_second double precision NOT NULL CHECK (rate_per_second > 0),
  burst double precision NOT NULL CHECK (burst >= 1)
);

COMMENT ON TABLE tenant_limits IS 'How much all keys of a tenant may send together; a tenant that is not here has only the limits of its keys';
COMMENT ON COLUMN tenant_limits.tenant IS 'Whose keys they are';
COMMENT ON COLUMN tenant_limits.rate_per_second IS 'Events that the tenant''s bucket gains each second';
COMMENT ON COLUMN tenant_limits.burst IS 'Events that the tenant''s bucket holds';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_gateway') THEN
    GRANT SELECT ON tenant_limits TO fiberstream_gateway;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_reader') THEN
    REVOKE ALL ON tenant_limits FROM fiberstream_reader;
  END IF;
END
$$;
