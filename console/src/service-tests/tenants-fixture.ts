import { randomUUID } from "node:crypto";
import { createKey } from "@fiberstream/access/key-table";
import { createReaderKey } from "@fiberstream/access/reader-key-table";
import type { PgPool } from "@fiberstream/postgres/pool";
import { insertUser, tokenOf } from "./askers-fixture.ts";
import { insertEvents } from "./console-fixture.ts";

/** What is there of a tenant: an id of each kind of object, by the name of the parameter that takes it. */
export type TenantData = {
  readonly tenant: string;
  readonly ids: Readonly<Record<string, string>>;
};

/** Inserts data of a tenant into each table; every text of it contains the tenant's name. */
export async function insertTenant(
  pool: PgPool,
  { tenant, country }: { tenant: string; country: string },
): Promise<TenantData> {
  const [node, other] = [`${tenant}-1`, `${tenant}-2`];
  const region = `${tenant}-land`;
  for (const id of [node, other]) {
    await pool.query(
      `INSERT INTO nodes (node_id, tenant, status, country, region, city, display_name, tags, last_seen_at)
       VALUES ($1, $2, 'reporting', $3, $4, $4, $4, jsonb_build_object('owner', $2::text), now())`,
      [id, tenant, country, region],
    );
    await insertEvents(pool, { node: id, count: 3, tenant });
  }
  await pool.query(
    `UPDATE metrics SET country = $2, region = $3, target_host = $1 || '.example', metadata = jsonb_build_object('of', $1::text)
     WHERE tenant = $1`,
    [tenant, country, region],
  );
  const { rows: events } = await pool.query<{ event_id: string; time: Date }>(
    "SELECT event_id, time FROM metrics WHERE node_id = $1 ORDER BY time DESC LIMIT 1",
    [node],
  );
  const alertId = randomUUID();
  await pool.query(
    `INSERT INTO node_alerts (opened_at, state, value, resolve_below, alert_id, node_id, tenant, kind)
     VALUES (now(), 'open', 30, 5, $1, $2, $3, 'packet_loss')`,
    [alertId, node, tenant],
  );
  await pool.query(
    `INSERT INTO metric_conflicts (event_id, node_id, time, detected_at, stored, received)
     SELECT event_id, node_id, time, now(), to_jsonb(metrics), to_jsonb(metrics) FROM metrics WHERE node_id = $1 LIMIT 1`,
    [node],
  );
  await pool.query(
    `INSERT INTO imports (file_digest, tenant, file_name, file_bytes, format, started_by, started_at, finished_at)
     VALUES (encode(sha256(convert_to($1, 'UTF8')), 'hex'), $1, $1 || '.csv', 1, 'csv', $1 || ' as owner', now(), now())`,
    [tenant],
  );
  await pool.query(
    `INSERT INTO erasures (requested_at, honoured_until, finished_at, tenant, node_id, requested_by, reason)
     VALUES (now(), now(), now(), $1, $2, $1 || ' as owner', $1)`,
    [tenant, `${tenant}-gone`],
  );
  const { rows: jobs } = await pool.query<{ job_id: string }>(
    `INSERT INTO jobs (kind, tenant, created_by, request, state, finished_at)
     VALUES ('redrive', $1, $1, jsonb_build_object('filter', jsonb_build_object('tenant', $1::text)), 'succeeded', now())
     RETURNING job_id`,
    [tenant],
  );
  const { row: key } = await createKey(pool, {
    tenant,
    node_pattern: `${tenant}-*`,
    rate_per_second: 1,
    burst: 1,
    requires_signature: false,
    jwt_subject: null,
    expires_at: null,
    note: `relay of ${tenant}`,
  });
  const { row: readerKey } = await createReaderKey(pool, {
    tenant,
    may_change_nodes: false,
    rate_per_second: null,
    burst: null,
    note: `dashboard of ${tenant}`,
    expires_at: null,
  });
  const userId = await insertUser(pool, {
    name: `ama@${tenant}`,
    grants: [{ role: "admin", tenant }],
  });
  const { headers } = await tokenOf(pool, userId, { role: "viewer", tenant });
  const { rows: grants } = await pool.query<{ grant_id: string }>(
    "SELECT grant_id FROM grants WHERE user_id = $1",
    [userId],
  );
  const { rows: sessions } = await pool.query<{ session_id: string }>(
    `INSERT INTO sessions (session_sha256, user_id, method, expires_at, user_agent)
     VALUES (sha256(convert_to($1, 'UTF8')), $2, 'link', now() + interval '1 hour', $1) RETURNING session_id`,
    [tenant, userId],
  );
  await pool.query("INSERT INTO tenant_limits VALUES ($1, 1000, 1000)", [tenant]);
  const request = JSON.stringify({ path: { key_id: key.key_id }, query: {} });
  const { rows: approvals } = await pool.query<{ approval_id: string }>(
    `INSERT INTO approvals (operation, tenant, requested_by, request, request_sha256)
     VALUES ('revokeKey', $1, $2, $3, sha256(convert_to($3, 'UTF8'))) RETURNING approval_id`,
    [tenant, userId, request],
  );
  return {
    tenant,
    ids: {
      node_id: node,
      node,
      tenant,
      q: tenant,
      where: `node_id = "${node}"`,
      country,
      region,
      target_host: `${tenant}.example`,
      event_id: events[0]?.event_id ?? "",
      alert_id: alertId,
      job_id: jobs[0]?.job_id ?? "",
      key_id: key.key_id,
      reader_key_id: readerKey.key_id,
      token_id: headers["authorization"]?.split("_")[1] ?? "",
      user_id: userId,
      grant_id: grants[0]?.grant_id ?? "",
      session_id: sessions[0]?.session_id ?? "",
      approval_id: approvals[0]?.approval_id ?? "",
    },
  };
}
