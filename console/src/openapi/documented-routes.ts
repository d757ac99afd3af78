import { createBoundedReader } from "@fiberstream/kafka/bounded-reader";
import { createKafka } from "@fiberstream/kafka/kafka";
import { createPool } from "@fiberstream/postgres/pool";
import { createLog } from "@fiberstream/runtime/log";
import { createOwnOrigin } from "../access/own-origin.ts";
import { createTurns } from "../access/turns.ts";
import { createLiveParts } from "../live/live.ts";
import { createRoutes } from "../routes/all-routes.ts";
import type { Route } from "../routes/route.ts";

/** Returns all routes for whoever only reads what they declare: they answer nothing, and connect to nothing. */
export function documentedRoutes(): readonly Route[] {
  const log = createLog({ service: "console", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: ["127.0.0.1:1"], clientId: "console", log });
  const nobody = () => Promise.reject(new Error("these routes answer nothing"));
  const pool = createPool({
    databaseUrl: "postgresql://127.0.0.1:1/none",
    applicationName: "console",
    maxConnections: 1,
    log,
  });
  const unwatched = { look: nobody, end: () => undefined };
  return createRoutes({
    readPipeline: nobody,
    ask: nobody,
    changeAs: nobody,
    approvalRules: { actions: new Set(), redriveOver: 0 },
    change: () => nobody,
    oldest: nobody,
    cursors: { write: () => "", read: () => [] },
    columns: { nodes: new Map(), metrics: new Map() },
    live: {
      parts: createLiveParts(),
      watches: { nodes: unwatched, alerts: unwatched, pipeline: unwatched, jobs: unwatched },
      memory: { hold: () => ({ grow: () => undefined, release: () => undefined }), bytes: () => 0 },
      countStream: () => () => undefined,
      turns: createTurns({ atOnce: 1, maxWaiting: 0, maxPerReader: 1 }),
      stopping: new AbortController().signal,
    },
    pipeline: { kafka, namespace: "" },
    letters: {
      source: { newest: nobody, at: nobody },
      findOwners: nobody,
      registry: { writerType: nobody },
      namespace: "",
      countCutSearch: () => undefined,
    },
    trail: {
      reader: createBoundedReader({ kafka }),
      registry: { writerType: nobody },
      namespace: "",
      traceUrl: undefined,
      countCutSearch: () => undefined,
    },
    wakeJobs: () => undefined,
    people: {
      pool,
      ownOrigin: createOwnOrigin({ publicUrl: undefined, host: "127.0.0.1" }),
      tokens: { isOne: () => false, find: nobody, forget: () => undefined },
      sessions: {
        begin: nobody,
        find: nobody,
        isNamedIn: () => false,
        end: nobody,
        endAllOf: nobody,
        endBySid: nobody,
        removal: "",
      },
      signIn: { byPassword: nobody, byLink: nobody },
      account: {
        changePassword: nobody,
        beginTotp: nobody,
        confirmTotp: nobody,
        removeTotp: nobody,
      },
    },
    exports: {
      pool,
      turns: createTurns({ atOnce: 1, maxWaiting: 0, maxPerReader: 1 }),
      maxMs: 1,
    },
  });
}
