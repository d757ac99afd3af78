-- What the processor of 0.1.0 asks of the database. A newer database has to answer it: never change this file.

SELECT node_id, node_name, display_name, status, country, region, city, lat, lng, tags, revision::float8 AS revision FROM nodes WHERE node_id = ANY($1::text[]);

INSERT INTO nodes (node_id, country, region)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS seen (node_id, country, region)
  ORDER BY node_id
  ON CONFLICT (node_id) DO NOTHING;

SELECT node_id, node_name, display_name, status, country, region, city, lat, lng, tags, probe_version,
         (extract(epoch FROM created_at) * 1000000)::bigint::text AS created_at,
         (extract(epoch FROM updated_at) * 1000000)::bigint::text AS updated_at,
         revision
  FROM nodes WHERE published_revision < revision ORDER BY node_id LIMIT 500;

UPDATE nodes SET published_revision = done.revision
  FROM unnest($1::text[], $2::bigint[]) AS done (node_id, revision)
  WHERE nodes.node_id = done.node_id AND nodes.published_revision < done.revision;

SELECT pg_try_advisory_lock(1179210579, 1) AS "isLeader";

LISTEN nodes_changed;
