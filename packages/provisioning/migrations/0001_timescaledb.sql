-- Both editions of TimescaleDB (Apache and Community) have what the later files use.
CREATE EXTENSION IF NOT EXISTS timescaledb;
