import { createKafka } from "@fiberstream/kafka/kafka";
import { createPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import {
  reconciliationVerdict,
  type ReconciliationVerdict,
} from "@fiberstream/sink-writer/reconciliation/reconciliation-verdict";

/** Reconciles the services' own books at the end of a run, and returns the verdict. */
export async function readBooks(of: {
  brokers: readonly string[];
  databaseUrl: string;
}): Promise<ReconciliationVerdict> {
  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: of.brokers, clientId: "chaos", log });
  const { databaseUrl } = of;
  const pool = createPool({ databaseUrl, applicationName: "chaos", maxConnections: 2, log });
  try {
    return await reconciliationVerdict({ pool, kafka, namespace: "" });
  } finally {
    await pool.end();
  }
}
