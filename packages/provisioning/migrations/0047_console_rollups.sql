-- The console answers from the roll-ups.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fiberstream_console') THEN
    GRANT SELECT ON
      metrics_series_1m, metrics_series_5m, metrics_series_1h, metrics_series_1d,
      rollup_marks, metrics_region_1m, metrics_region_5m, metrics_region_1h, metrics_region_1d
      TO fiberstream_console;
    GRANT EXECUTE ON FUNCTION rollup_is_pending(timestamptz, timestamptz) TO fiberstream_console;
  END IF;
END
$$;
