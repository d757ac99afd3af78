/** The routes of the query API that answer with JSON, by their names. */
export const QUERIES = {
  latestNodes: { method: "GET", path: "/api/v1/nodes/latest" },
  listNodes: { method: "GET", path: "/api/v1/nodes" },
  getNode: { method: "GET", path: "/api/v1/nodes/{node_id}" },
  createNode: { method: "POST", path: "/api/v1/nodes" },
  changeNode: { method: "PATCH", path: "/api/v1/nodes/{node_id}" },
  deleteNode: { method: "DELETE", path: "/api/v1/nodes/{node_id}" },
  listEvents: { method: "GET", path: "/api/v1/events" },
  getEvent: { method: "GET", path: "/api/v1/events/{event_id}" },
  rawSeries: { method: "GET", path: "/api/v1/raw-series" },
  series: { method: "GET", path: "/api/v1/series" },
  histogram: { method: "GET", path: "/api/v1/histogram" },
  summary: { method: "GET", path: "/api/v1/summary" },
  topNodes: { method: "GET", path: "/api/v1/top" },
  listAlerts: { method: "GET", path: "/api/v1/alerts" },
  listChanges: { method: "GET", path: "/api/v1/changes" },
  listAudit: { method: "GET", path: "/api/v1/audit" },
  verifyAudit: { method: "GET", path: "/api/v1/audit/verify" },
  listQuality: { method: "GET", path: "/api/v1/quality" },
  listConflicts: { method: "GET", path: "/api/v1/conflicts" },
  pipeline: { method: "GET", path: "/api/v1/pipeline" },
  listTopics: { method: "GET", path: "/api/v1/topics" },
  listDeadLetters: { method: "GET", path: "/api/v1/dead-letters" },
  countDeadLetters: { method: "GET", path: "/api/v1/dead-letters/counts" },
  getDeadLetter: { method: "GET", path: "/api/v1/dead-letters/{partition}/{offset}" },
  redriveDeadLetters: { method: "POST", path: "/api/v1/dead-letters/redrive" },
  listJobs: { method: "GET", path: "/api/v1/jobs" },
  getJob: { method: "GET", path: "/api/v1/jobs/{job_id}" },
  cancelJob: { method: "POST", path: "/api/v1/jobs/{job_id}/cancel" },
  referenceMetrics: { method: "GET", path: "/api/metrics" },
  listUsers: { method: "GET", path: "/api/v1/users" },
  getUser: { method: "GET", path: "/api/v1/users/{user_id}" },
  listGrants: { method: "GET", path: "/api/v1/grants" },
  createUser: { method: "POST", path: "/api/v1/users" },
  changeUser: { method: "PATCH", path: "/api/v1/users/{user_id}" },
  resetUser: { method: "POST", path: "/api/v1/users/{user_id}/reset" },
  addGrant: { method: "POST", path: "/api/v1/users/{user_id}/grants" },
  removeGrant: { method: "DELETE", path: "/api/v1/grants/{grant_id}" },
  listSessionsOfUser: { method: "GET", path: "/api/v1/users/{user_id}/sessions" },
  endSessionsOfUser: { method: "DELETE", path: "/api/v1/users/{user_id}/sessions" },
  endSessionOfUser: { method: "DELETE", path: "/api/v1/users/{user_id}/sessions/{session_id}" },
  listKeys: { method: "GET", path: "/api/v1/keys" },
  getKey: { method: "GET", path: "/api/v1/keys/{key_id}" },
  listReaderKeys: { method: "GET", path: "/api/v1/reader-keys" },
  getReaderKey: { method: "GET", path: "/api/v1/reader-keys/{key_id}" },
  createKey: { method: "POST", path: "/api/v1/keys" },
  changeKey: { method: "PATCH", path: "/api/v1/keys/{key_id}" },
  rotateKey: { method: "POST", path: "/api/v1/keys/{key_id}/rotate" },
  revokeKey: { method: "DELETE", path: "/api/v1/keys/{key_id}" },
  createReaderKey: { method: "POST", path: "/api/v1/reader-keys" },
  changeReaderKey: { method: "PATCH", path: "/api/v1/reader-keys/{key_id}" },
  rotateReaderKey: { method: "POST", path: "/api/v1/reader-keys/{key_id}/rotate" },
  revokeReaderKey: { method: "DELETE", path: "/api/v1/reader-keys/{key_id}" },
  listTenantLimits: { method: "GET", path: "/api/v1/tenant-limits" },
  createTenantLimit: { method: "POST", path: "/api/v1/tenant-limits" },
  changeTenantLimit: { method: "PATCH", path: "/api/v1/tenant-limits/{tenant}" },
  removeTenantLimit: { method: "DELETE", path: "/api/v1/tenant-limits/{tenant}" },
  getRetention: { method: "GET", path: "/api/v1/retention" },
  changeRetention: { method: "PATCH", path: "/api/v1/retention" },
  listApprovals: { method: "GET", path: "/api/v1/approvals" },
  getApproval: { method: "GET", path: "/api/v1/approvals/{approval_id}" },
  approveRequest: { method: "POST", path: "/api/v1/approvals/{approval_id}/approve" },
  rejectRequest: { method: "POST", path: "/api/v1/approvals/{approval_id}/reject" },
  withdrawRequest: { method: "POST", path: "/api/v1/approvals/{approval_id}/withdraw" },
  referenceAggregated: { method: "GET", path: "/api/metrics/aggregated" },
  referenceCluster: { method: "GET", path: "/api/metrics/cluster" },
  referenceNodes: { method: "GET", path: "/api/nodes" },
  referenceCreateNode: { method: "POST", path: "/api/nodes" },
  referenceDeleteNode: { method: "DELETE", path: "/api/nodes/{node_id}" },
  getMe: { method: "GET", path: "/api/v1/auth/me" },
  signIn: { method: "POST", path: "/api/v1/auth/sign-in" },
  useLink: { method: "POST", path: "/api/v1/auth/link" },
  signOut: { method: "POST", path: "/api/v1/auth/sign-out" },
  listOwnSessions: { method: "GET", path: "/api/v1/auth/sessions" },
  endOtherSessions: { method: "DELETE", path: "/api/v1/auth/sessions" },
  endOwnSession: { method: "DELETE", path: "/api/v1/auth/sessions/{session_id}" },
  changePassword: { method: "POST", path: "/api/v1/auth/password" },
  beginTotp: { method: "POST", path: "/api/v1/auth/totp" },
  confirmTotp: { method: "POST", path: "/api/v1/auth/totp/confirm" },
  removeTotp: { method: "POST", path: "/api/v1/auth/totp/remove" },
  listOwnTokens: { method: "GET", path: "/api/v1/auth/tokens" },
  createOwnToken: { method: "POST", path: "/api/v1/auth/tokens" },
  revokeOwnToken: { method: "DELETE", path: "/api/v1/auth/tokens/{token_id}" },
  redeemFiberCode: { method: "POST", path: "/api/v1/auth/fiber/token" },
} as const;

/** The parameters and the answer of each route. */
export type Queries = {
  /** Returns each node's latest event, in columns. */
  readonly latestNodes: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly node_id: readonly string[];
        readonly status: readonly string[];
        readonly country: readonly (string | null)[];
        readonly region: readonly (string | null)[];
        readonly lat: readonly (number | null)[];
        readonly lng: readonly (number | null)[];
        /** Of the node's latest event; null: it has none. */ readonly time: readonly (
          string | null
        )[];
        readonly latency_ms: readonly (number | null)[];
        readonly uptime_pct: readonly (number | null)[];
        readonly packet_loss: readonly (number | null)[];
        readonly anomaly_score: readonly (number | null)[];
      };
      readonly meta: { readonly count: number };
    };
  };
  /** Lists nodes in the order of their ids. */
  readonly listNodes: {
    readonly path: {};
    readonly query: {
      /** Default: all but deleted. */ readonly status?:
        "registered" | "reporting" | "inactive" | "deleted";
      readonly country?: string;
      readonly region?: string;
      /** Part of the id or of a name; capitals do not matter. */ readonly q?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly node_id: string;
        /** Name given at registration. */ readonly node_name: string;
        /** Name given by an operator. */ readonly display_name: string | null;
        readonly status: "registered" | "reporting" | "inactive" | "deleted";
        /** Whose probe it is; left out while the database does not know. */ readonly tenant?:
          string | null;
        /** ISO 3166-1 alpha-2. */ readonly country: string | null;
        readonly region: string | null;
        readonly city: string | null;
        /** Degrees north, WGS 84. */ readonly lat: number | null;
        /** Degrees east, WGS 84. */ readonly lng: number | null;
        readonly tags: { readonly [name: string]: string };
        readonly probe_version: string | null;
        readonly created_at: string;
        readonly updated_at: string;
        /** When one of its events was last received, to about 10 s. */ readonly last_seen_at:
          string | null;
        /** Since when nothing has come, if that is why it is inactive. */ readonly silent_since:
          string | null;
        /** Counts its changes; PATCH needs it in If-Match. */ readonly revision: number;
      }[];
      readonly meta: { /** null: this is the last page. */ readonly next_cursor: string | null };
    };
  };
  /** Returns one node. */
  readonly getNode: {
    readonly path: { readonly node_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly node_id: string;
        /** Name given at registration. */ readonly node_name: string;
        /** Name given by an operator. */ readonly display_name: string | null;
        readonly status: "registered" | "reporting" | "inactive" | "deleted";
        /** Whose probe it is; left out while the database does not know. */ readonly tenant?:
          string | null;
        /** ISO 3166-1 alpha-2. */ readonly country: string | null;
        readonly region: string | null;
        readonly city: string | null;
        /** Degrees north, WGS 84. */ readonly lat: number | null;
        /** Degrees east, WGS 84. */ readonly lng: number | null;
        readonly tags: { readonly [name: string]: string };
        readonly probe_version: string | null;
        readonly created_at: string;
        readonly updated_at: string;
        /** When one of its events was last received, to about 10 s. */ readonly last_seen_at:
          string | null;
        /** Since when nothing has come, if that is why it is inactive. */ readonly silent_since:
          string | null;
        /** Counts its changes; PATCH needs it in If-Match. */ readonly revision: number;
      };
    };
  };
  /** Registers a node before its first event. */
  readonly createNode: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly node_id: string;
      readonly node_name?: string;
      readonly display_name?: string | null;
      readonly country?: string | null;
      readonly region?: string | null;
      readonly city?: string | null;
      readonly lat?: number | null;
      readonly lng?: number | null;
      /** At most 10 kB of JSON. */ readonly tags?: { readonly [name: string]: string };
    };
    readonly answer: {
      readonly data: {
        readonly node_id: string;
        /** Name given at registration. */ readonly node_name: string;
        /** Name given by an operator. */ readonly display_name: string | null;
        readonly status: "registered" | "reporting" | "inactive" | "deleted";
        /** Whose probe it is; left out while the database does not know. */ readonly tenant?:
          string | null;
        /** ISO 3166-1 alpha-2. */ readonly country: string | null;
        readonly region: string | null;
        readonly city: string | null;
        /** Degrees north, WGS 84. */ readonly lat: number | null;
        /** Degrees east, WGS 84. */ readonly lng: number | null;
        readonly tags: { readonly [name: string]: string };
        readonly probe_version: string | null;
        readonly created_at: string;
        readonly updated_at: string;
        /** When one of its events was last received, to about 10 s. */ readonly last_seen_at:
          string | null;
        /** Since when nothing has come, if that is why it is inactive. */ readonly silent_since:
          string | null;
        /** Counts its changes; PATCH needs it in If-Match. */ readonly revision: number;
      };
    };
  };
  /** Changes some fields of a node. */
  readonly changeNode: {
    readonly path: { readonly node_id: string };
    readonly query: {};
    readonly body: {
      readonly display_name?: string | null;
      readonly status?: "reporting" | "inactive";
      readonly country?: string | null;
      readonly region?: string | null;
      readonly city?: string | null;
      readonly lat?: number | null;
      readonly lng?: number | null;
      /** At most 10 kB of JSON. */ readonly tags?: { readonly [name: string]: string };
    };
    readonly answer: {
      readonly data: {
        readonly node_id: string;
        /** Name given at registration. */ readonly node_name: string;
        /** Name given by an operator. */ readonly display_name: string | null;
        readonly status: "registered" | "reporting" | "inactive" | "deleted";
        /** Whose probe it is; left out while the database does not know. */ readonly tenant?:
          string | null;
        /** ISO 3166-1 alpha-2. */ readonly country: string | null;
        readonly region: string | null;
        readonly city: string | null;
        /** Degrees north, WGS 84. */ readonly lat: number | null;
        /** Degrees east, WGS 84. */ readonly lng: number | null;
        readonly tags: { readonly [name: string]: string };
        readonly probe_version: string | null;
        readonly created_at: string;
        readonly updated_at: string;
        /** When one of its events was last received, to about 10 s. */ readonly last_seen_at:
          string | null;
        /** Since when nothing has come, if that is why it is inactive. */ readonly silent_since:
          string | null;
        /** Counts its changes; PATCH needs it in If-Match. */ readonly revision: number;
      };
    };
  };
  /** Marks a node as deleted. */
  readonly deleteNode: {
    readonly path: { readonly node_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly node_id: string;
        /** Name given at registration. */ readonly node_name: string;
        /** Name given by an operator. */ readonly display_name: string | null;
        readonly status: "registered" | "reporting" | "inactive" | "deleted";
        /** Whose probe it is; left out while the database does not know. */ readonly tenant?:
          string | null;
        /** ISO 3166-1 alpha-2. */ readonly country: string | null;
        readonly region: string | null;
        readonly city: string | null;
        /** Degrees north, WGS 84. */ readonly lat: number | null;
        /** Degrees east, WGS 84. */ readonly lng: number | null;
        readonly tags: { readonly [name: string]: string };
        readonly probe_version: string | null;
        readonly created_at: string;
        readonly updated_at: string;
        /** When one of its events was last received, to about 10 s. */ readonly last_seen_at:
          string | null;
        /** Since when nothing has come, if that is why it is inactive. */ readonly silent_since:
          string | null;
        /** Counts its changes; PATCH needs it in If-Match. */ readonly revision: number;
      };
    };
  };
  /** Returns events, the newest first. */
  readonly listEvents: {
    readonly path: {};
    readonly query: {
      readonly node?: string;
      /** Default: the oldest event. ISO 8601, or an age such as -6h. */ readonly from?: string;
      /** Not included. Default: now. */ readonly to?: string;
      /** A condition as of fiber tail --where: latency_ms > 200 and country = "GH". */ readonly where?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly ({
        /** When it was measured, by the probe's clock. */ readonly time: string;
        /** When the gateway received it. */ readonly received_at: string;
        readonly event_id: string;
        readonly node_id: string;
        readonly tenant: string;
        readonly country: string;
        readonly region: string;
        /** null: nothing came back. */ readonly latency_ms: number | null;
        readonly uptime_pct: number;
        readonly packet_loss: number;
        readonly probe_type: string;
        readonly target_host: string | null;
        /** What else the probe sent, with numbers as it wrote them. */ readonly metadata: unknown;
      } & { readonly [name: string]: unknown })[];
      readonly meta: {
        /** null: there are no older events in the range. */ readonly next_cursor: string | null;
      };
    };
  };
  /** Returns the life of one event: its row, records, dead letters, conflicts and trace. */
  readonly getEvent: {
    readonly path: { readonly event_id: string };
    readonly query: {
      readonly node?: string;
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly time?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        /** The row; null: there is none (any more). */ readonly event:
          | ({
              /** When it was measured, by the probe's clock. */ readonly time: string;
              /** When the gateway received it. */ readonly received_at: string;
              readonly event_id: string;
              readonly node_id: string;
              readonly tenant: string;
              readonly country: string;
              readonly region: string;
              /** null: nothing came back. */ readonly latency_ms: number | null;
              readonly uptime_pct: number;
              readonly packet_loss: number;
              readonly probe_type: string;
              readonly target_host: string | null;
              /** What else the probe sent, with numbers as it wrote them. */ readonly metadata: unknown;
            } & { readonly [name: string]: unknown })
          | null;
        readonly conflicts: readonly {
          readonly detected_at: string;
          readonly topic: string | null;
          readonly partition: number | null;
          /** Of the record that brought the other content. */ readonly offset: number | null;
          /** The content that came later; the first one is in event. */ readonly received: unknown;
        }[];
        /** null: Kafka was not asked, or did not answer. */ readonly records: {
          readonly raw: {
            readonly record: {
              readonly topic: string;
              readonly partition: number;
              readonly offset: number;
              /** When Kafka appended the raw record. */ readonly timestamp: string;
              readonly value_bytes: number;
              /** The record by its writer's schema. */ readonly value: unknown;
            } | null;
            /** Why there is no record here. */ readonly problem: string | null;
          };
          readonly enriched: {
            readonly record: {
              readonly topic: string;
              readonly partition: number;
              readonly offset: number;
              /** When Kafka appended the raw record. */ readonly timestamp: string;
              readonly value_bytes: number;
              /** The record by its writer's schema. */ readonly value: unknown;
            } | null;
            /** Why there is no record here. */ readonly problem: string | null;
          };
          readonly dead_letters: readonly {
            /** Of the dead-letter topic. */ readonly partition: number;
            readonly offset: number;
            readonly failed_at: string;
            /** The service that could not process the record. */ readonly service: string;
            readonly stage: string;
            /** The class of the failure. */ readonly reason: string;
            /** What is wrong, without values of the record. */ readonly message: string;
            readonly origin: {
              readonly topic: string;
              readonly partition: number;
              readonly offset: number | null;
            };
            /** The node. */ readonly key: string | null;
            readonly schema_id: number | null;
            /** Length of the original value. */ readonly value_bytes: number;
            /** The letter has only the beginning of the value: it cannot be redriven. */ readonly is_cut: boolean;
            /** How often it was redriven before it failed again. */ readonly replays: number;
            readonly trace_id: string | null;
          }[];
          /** Why there may be more. */ readonly dead_letters_problem: string | null;
          /** null: the request was not traced, or its record was not found. */ readonly trace: {
            readonly trace_id: string;
            readonly url: string | null;
          } | null;
        } | null;
        readonly records_problem: string | null;
      };
    };
  };
  /** Returns a node's events as a line, without losing a spike. */
  readonly rawSeries: {
    readonly path: {};
    readonly query: {
      readonly node: string;
      readonly metric?: "latency_ms" | "packet_loss" | "uptime_pct";
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly from: string;
      /** Not included; at most 31 days after from. */ readonly to: string;
      readonly pixels?: number;
      readonly probe_type?: string;
      readonly target_host?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        /** Times in ms since 1970, in order. */ readonly t: readonly number[];
        /** The values at these times. */ readonly v: readonly number[];
        /** Pixels with events that have no value: when the pixel begins, and how many. */ readonly without_value: readonly (readonly [
          number,
          number,
        ])[];
      };
      readonly meta: {
        readonly source: "metrics";
        /** How many events the line stands for. */ readonly events: number;
        readonly pixel_ms: number;
      };
    };
  };
  /** Returns statistics over time, of all events or by node, region, country, tenant or target. */
  readonly series: {
    readonly path: {};
    readonly query: {
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly from: string;
      /** Not included. Default: now. */ readonly to?: string;
      /** Separated by commas, of: events, measured, availability_pct, latency_avg_ms, latency_min_ms, latency_max_ms, latency_p50_ms, latency_p90_ms, latency_p95_ms, latency_p99_ms, uptime_avg_pct, packet_loss_avg, packet_loss_max, sent, lost, anomalies. */ readonly stats?: string;
      readonly group?: "none" | "node" | "region" | "country" | "tenant" | "target";
      /** Points of a series: the width of the chart in pixels. */ readonly max_points?: number;
      /** Forces one. */ readonly resolution?: "1m" | "5m" | "1h" | "1d";
      /** Also returns the series of so long before, in previous. */ readonly compare?:
        "1h" | "1d" | "1w" | "4w";
      /** One node, or several separated by commas. */ readonly node?: string;
      readonly country?: string;
      readonly region?: string;
      readonly tenant?: string;
      readonly probe_type?: string;
      readonly target_host?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly series: readonly {
          /** Of the group; empty without one. */ readonly key: {
            readonly [name: string]: string | null;
          };
          /** A list for each stat; null: no events in the bucket, or none with a latency. */ readonly values: {
            readonly [
              name in
                | "events"
                | "measured"
                | "availability_pct"
                | "latency_avg_ms"
                | "latency_min_ms"
                | "latency_max_ms"
                | "latency_p50_ms"
                | "latency_p90_ms"
                | "latency_p95_ms"
                | "latency_p99_ms"
                | "uptime_avg_pct"
                | "packet_loss_avg"
                | "packet_loss_max"
                | "sent"
                | "lost"
                | "anomalies"
            ]?: readonly (number | null)[];
          };
        }[];
        /** The same, moved by compare. */ readonly previous?: readonly {
          /** Of the group; empty without one. */ readonly key: {
            readonly [name: string]: string | null;
          };
          /** A list for each stat; null: no events in the bucket, or none with a latency. */ readonly values: {
            readonly [
              name in
                | "events"
                | "measured"
                | "availability_pct"
                | "latency_avg_ms"
                | "latency_min_ms"
                | "latency_max_ms"
                | "latency_p50_ms"
                | "latency_p90_ms"
                | "latency_p95_ms"
                | "latency_p99_ms"
                | "uptime_avg_pct"
                | "packet_loss_avg"
                | "packet_loss_max"
                | "sent"
                | "lost"
                | "anomalies"
            ]?: readonly (number | null)[];
          };
        }[];
      };
      readonly meta: {
        /** Beginning of the first bucket: from, aligned to the step. */ readonly from: string;
        readonly to: string;
        readonly step_ms: number;
        readonly points: number;
        /** The roll-up that was read. */ readonly source: string;
        /** false: late events of the range are being counted. */ readonly complete: boolean;
        readonly warnings: readonly string[];
      };
    };
  };
  /** Returns the distribution of latency over time, for smoke charts and heat maps. */
  readonly histogram: {
    readonly path: {};
    readonly query: {
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly from: string;
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly to?: string;
      readonly max_points?: number;
      readonly resolution?: "1m" | "5m" | "1h" | "1d";
      /** One node, or several separated by commas. */ readonly node?: string;
      readonly country?: string;
      readonly region?: string;
      readonly tenant?: string;
      readonly probe_type?: string;
      readonly target_host?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        /** Lower and upper edge of each bin that occurs, by its number. */ readonly edges_ms: {
          readonly [name: string]: readonly [number, number];
        };
        readonly buckets: readonly {
          /** Beginning of the bucket. */ readonly t: string;
          /** Bin and count. */ readonly bins: readonly (readonly [number, number])[];
          readonly events: number;
          readonly without_latency: number;
        }[];
      };
      readonly meta: {
        /** The range that was read: whole buckets of the roll-up. */ readonly from: string;
        readonly to: string;
        readonly source: string;
        /** false: late events of the range are being counted. */ readonly complete: boolean;
        readonly warnings: readonly string[];
        readonly step_ms: number;
      };
    };
  };
  /** Returns the figures of a time range as a whole. */
  readonly summary: {
    readonly path: {};
    readonly query: {
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly from: string;
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly to?: string;
      /** One node, or several separated by commas. */ readonly node?: string;
      readonly country?: string;
      readonly region?: string;
      readonly tenant?: string;
      readonly probe_type?: string;
      readonly target_host?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly [
          name in
            | "events"
            | "measured"
            | "availability_pct"
            | "latency_avg_ms"
            | "latency_min_ms"
            | "latency_max_ms"
            | "latency_p50_ms"
            | "latency_p90_ms"
            | "latency_p95_ms"
            | "latency_p99_ms"
            | "uptime_avg_pct"
            | "packet_loss_avg"
            | "packet_loss_max"
            | "sent"
            | "lost"
            | "anomalies"
        ]?: number | null;
      };
      readonly meta: {
        /** The range that was read: whole buckets of the roll-up. */ readonly from: string;
        readonly to: string;
        readonly source: string;
        /** false: late events of the range are being counted. */ readonly complete: boolean;
        readonly warnings: readonly string[];
      };
    };
  };
  /** Returns the worst nodes of a time range. */
  readonly topNodes: {
    readonly path: {};
    readonly query: {
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly from: string;
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly to?: string;
      readonly by?:
        | "score"
        | "latency_p95_ms"
        | "latency_avg_ms"
        | "packet_loss_avg"
        | "unavailability_pct"
        | "anomalies"
        | "events";
      readonly n?: number;
      /** One node, or several separated by commas. */ readonly node?: string;
      readonly country?: string;
      readonly region?: string;
      readonly tenant?: string;
      readonly probe_type?: string;
      readonly target_host?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly node_id: string;
        readonly country: string;
        readonly region: string;
        /** What the nodes are ordered by. */ readonly value: number | null;
        readonly events: number;
        readonly availability_pct: number;
        readonly latency_avg_ms: number | null;
        readonly latency_p95_ms: number | null;
        readonly packet_loss_avg: number;
      }[];
      readonly meta: {
        /** The range that was read: whole buckets of the roll-up. */ readonly from: string;
        readonly to: string;
        readonly source: string;
        /** false: late events of the range are being counted. */ readonly complete: boolean;
        readonly warnings: readonly string[];
      };
    };
  };
  /** Returns alerts of nodes, those that were opened last first. */
  readonly listAlerts: {
    readonly path: {};
    readonly query: {
      readonly node?: string;
      readonly tenant?: string;
      /** latency or packet_loss. */ readonly kind?: string;
      readonly state?: "open" | "resolved" | "replaced";
      /** Default: the oldest alert. */ readonly from?: string;
      /** Not included. Default: no limit. */ readonly to?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        /** Identity together with kind: the id of the event that opened it. */ readonly alert_id: string;
        /** latency: far above the node's usual; packet_loss: many packets lost, or an outage. */ readonly kind: string;
        /** replaced: its end is not known, and the node has a later alert of this kind. */ readonly state:
          "open" | "resolved" | "replaced";
        readonly node_id: string;
        readonly tenant: string | null;
        /** By the probe's clock. */ readonly opened_at: string;
        /** null: it is open. */ readonly ended_at: string | null;
        /** Measured over five events when it was opened: latency in ms, or loss in percent. */ readonly value: number;
        /** What was usual for the node before, in the same unit. */ readonly usual: number | null;
        /** The threshold below which it resolves, in the same unit. */ readonly resolve_below: number;
        /** As value, when it was resolved. */ readonly end_value: number | null;
        /** The event that resolved it. */ readonly ended_by: string | null;
        readonly links: {
          /** The event that opened it. */ readonly opened_by: string;
          /** The node's events from 5 minutes before it was opened. */ readonly events: string;
        };
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns what happened when, the newest first. */
  readonly listChanges: {
    readonly path: {};
    readonly query: {
      /** Kinds or groups, with commas between them: alert (alert.opened, alert.resolved); node (node.registered, node.changed, node.deleted, node.silent, node.reporting); key (key.created, key.revoked, key.expired); reader_key (reader_key.created, reader_key.revoked, reader_key.expired); service (service.version); breaker (breaker.opened, breaker.closed); import (import.started, import.finished); erasure (erasure.requested, erasure.finished); reconciliation (reconciliation.differs, reconciliation.gap). */ readonly kind?: string;
      /** Only changes and alerts of this node. */ readonly node?: string;
      readonly tenant?: string;
      /** Default: the oldest change. */ readonly from?: string;
      /** Not included. Default: no limit. */ readonly to?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        /** Of alerts by the probe's clock. */ readonly at: string;
        /** Such as node.deleted; a later version may have more kinds. */ readonly kind: string;
        /** The node, key, service, file, erasure or minute it is about. */ readonly subject: string;
        /** null: it is the platform's. */ readonly tenant: string | null;
        /** Account and application, where recorded; only for keys of all tenants. */ readonly changed_by:
          string | null;
        /** More, by kind. */ readonly detail: { readonly [name: string]: unknown };
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns entries of the audit log, the newest first. */
  readonly listAudit: {
    readonly path: {};
    readonly query: {
      /** Id of who acted. */ readonly actor?: string;
      /** An action, or all of a kind with a dot at the end: key. */ readonly action?: string;
      /** Id of what it is about, such as a node. */ readonly object?: string;
      readonly outcome?: "ok" | "denied" | "failed";
      readonly tenant?: string;
      /** Default: the first entry. */ readonly from?: string;
      /** Not included. Default: no limit. */ readonly to?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly seq: number;
        readonly at: string;
        /** null: it is the platform's. */ readonly tenant: string | null;
        /** user, key, operator, service, system, anonymous; database: nobody said who acts. */ readonly actor_kind: string;
        /** Id of who acted. */ readonly actor: string;
        /** null: none is known, it was erased, or the reader may not see all tenants. */ readonly actor_name:
          string | null;
        /** Only for those who may see all tenants; else null. */ readonly database_role:
          string | null;
        /** Only for those who may see all tenants; else null. */ readonly session: string | null;
        /** Only for those who may see all tenants; else null. */ readonly address: string | null;
        /** Only for those who may see all tenants; else null. */ readonly request_id:
          string | null;
        /** Such as node.changed; a later version may have more. */ readonly action: string;
        readonly object_kind: string;
        readonly object: string;
        readonly outcome: "ok" | "denied" | "failed";
        readonly reason: string | null;
        /** What changed, as it was; null: it was not there, or nothing changed. */ readonly before: {
          readonly [name: string]: unknown;
        } | null;
        /** What changed, as it is since; null: it is not there, or nothing changed. */ readonly after: {
          readonly [name: string]: unknown;
        } | null;
        /** Of the entry, in hexadecimal digits. */ readonly hash: string;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Verifies entries of the audit log. */
  readonly verifyAudit: {
    readonly path: {};
    readonly query: { readonly from?: number; readonly limit?: number };
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly from: number;
        /** How many entries are right, up to the first wrong one. */ readonly entries: number;
        /** The last of them; keep its hash elsewhere. */ readonly last: {
          readonly seq: number;
          readonly hash: string;
        } | null;
        /** Number of the newest entry of the log. */ readonly newest: number;
        /** Continue with it; null: all is verified. */ readonly next_from: number | null;
        readonly findings: readonly {
          readonly guard: "sequence" | "chain" | "bytes" | "columns" | "clock";
          readonly seq: number;
          readonly message: string;
        }[];
      };
    };
  };
  /** Returns how complete and timely the events of each node and day are, the newest day first. */
  readonly listQuality: {
    readonly path: {};
    readonly query: {
      readonly node?: string;
      /** A day in UTC, such as 2026-11-24. */ readonly from?: string;
      /** The last day, included. */ readonly to?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        /** In UTC, by the events' own time. */ readonly day: string;
        readonly node_id: string;
        readonly events: number;
        /** Events that the node's own rhythm lets expect; null: too few to tell. */ readonly expected:
          number | null;
        readonly interval_s: number | null;
        readonly gaps: number;
        readonly longest_gap_s: number | null;
        readonly late: number;
        readonly ahead: number;
        readonly delay_min_ms: number | null;
        readonly delay_p50_ms: number | null;
        readonly delay_max_ms: number | null;
        readonly out_of_range: number;
        readonly conflicts: number;
        readonly repeats: number;
        readonly measured_at: string | null;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns events that came again with other content, the newest find first. */
  readonly listConflicts: {
    readonly path: {};
    readonly query: {
      readonly node?: string;
      /** When the conflict was found. ISO 8601, or an age such as -6h. */ readonly from?: string;
      /** Not included. */ readonly to?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly detected_at: string;
        readonly time: string;
        readonly event_id: string;
        readonly node_id: string;
        readonly topic: string | null;
        readonly partition: number | null;
        readonly offset: number | null;
        /** The version that came first, which is in the table. */ readonly stored: unknown;
        /** The version that came later, by the same names. */ readonly received: unknown;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns the lag of each consumer, the sink's offsets and the reconciler's verdicts. */
  readonly pipeline: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        /** null: Kafka does not answer. */ readonly consumers:
          | readonly {
              readonly service: string;
              readonly topic: string;
              /** Of the consumer group, as the broker calls it; none: it has committed nothing. */ readonly state: string;
              readonly members: number;
              readonly lag_records: number;
              /** Age of the oldest record that is not processed. */ readonly lag_seconds: number;
              readonly partitions_without_leader: number;
            }[]
          | null;
        readonly kafka_problem: string | null;
        readonly sink_partitions: readonly {
          readonly topic: string;
          readonly partition: number;
          readonly next_offset: number;
          readonly updated_at: string;
        }[];
        readonly reconciliation: {
          readonly newest_minute: string | null;
          /** Of the last hour, by verdict: ok, differs, not known. */ readonly minutes: {
            readonly [name: string]: number;
          };
          /** Of the last day. */ readonly unaccounted_events: number;
        };
      };
    };
  };
  /** Returns the catalogue of topics: what each contains and guarantees. */
  readonly listTopics: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        /** In the catalogue. */ readonly name: string;
        /** On the cluster of this installation. */ readonly topic: string;
        readonly key: string;
        /** The Avro schema's name, or the form of the bytes. */ readonly value: string;
        /** That the deploy step creates. */ readonly partitions: number;
        readonly cleanup: "delete" | "compact";
        readonly retention_ms: number | null;
        readonly meaning: string;
        readonly ordering: string;
        readonly delivery: string;
        readonly volume: string;
        readonly owner: string;
        readonly relied_on_by: readonly string[];
      }[];
    };
  };
  /** Returns dead letters, the newest first. */
  readonly listDeadLetters: {
    readonly path: {};
    readonly query: {
      /** The step that failed: decode, produce (to Kafka) or write (to PostgreSQL). */ readonly stage?:
        "decode" | "produce" | "write";
      /** The class of the failure. */ readonly reason?:
        | "not-avro"
        | "unknown-schema"
        | "undecodable"
        | "invalid-record"
        | "too-old"
        | "in-future"
        | "row-refused"
        | "record-refused";
      /** The topic that the record came from. */ readonly topic?:
        "probe.metrics.raw" | "probe.metrics.enriched";
      /** The record's key. */ readonly node?: string;
      /** Only letters whose event says that it is of the tenant. */ readonly tenant?: string;
      /** Failed at this time or later. ISO 8601, or an age such as -6h. */ readonly from?: string;
      /** Failed before this time. */ readonly to?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        /** Of the dead-letter topic. */ readonly partition: number;
        readonly offset: number;
        readonly failed_at: string;
        /** The service that could not process the record. */ readonly service: string;
        readonly stage: string;
        /** The class of the failure. */ readonly reason: string;
        /** What is wrong, without values of the record. */ readonly message: string;
        readonly origin: {
          readonly topic: string;
          readonly partition: number;
          readonly offset: number | null;
        };
        /** The node. */ readonly key: string | null;
        readonly schema_id: number | null;
        /** Length of the original value. */ readonly value_bytes: number;
        /** The letter has only the beginning of the value: it cannot be redriven. */ readonly is_cut: boolean;
        /** How often it was redriven before it failed again. */ readonly replays: number;
        readonly trace_id: string | null;
      }[];
      readonly meta: {
        readonly next_cursor: string | null;
        readonly searched: {
          /** Everything in the range has been looked at. */ readonly complete: boolean;
          /** Letters that failed after this time have been looked at, if not complete. */ readonly back_to:
            string | null;
          /** Letters that were read; null for keys of one tenant. */ readonly letters:
            number | null;
          readonly bytes: number | null;
        };
      };
    };
  };
  /** Counts dead letters by reason, stage and topic. */
  readonly countDeadLetters: {
    readonly path: {};
    readonly query: {
      /** The step that failed: decode, produce (to Kafka) or write (to PostgreSQL). */ readonly stage?:
        "decode" | "produce" | "write";
      /** The class of the failure. */ readonly reason?:
        | "not-avro"
        | "unknown-schema"
        | "undecodable"
        | "invalid-record"
        | "too-old"
        | "in-future"
        | "row-refused"
        | "record-refused";
      /** The topic that the record came from. */ readonly topic?:
        "probe.metrics.raw" | "probe.metrics.enriched";
      /** The record's key. */ readonly node?: string;
      /** Only letters whose event says that it is of the tenant. */ readonly tenant?: string;
      /** Failed at this time or later. ISO 8601, or an age such as -6h. */ readonly from?: string;
      /** Failed before this time. */ readonly to?: string;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly reason: string;
        readonly stage: string;
        /** That the records came from. */ readonly topic: string;
        readonly count: number;
        /** How many of them were redriven before, and failed again. */ readonly redriven: number;
        readonly first: string;
        readonly last: string;
      }[];
      readonly meta: {
        readonly searched: {
          /** Everything in the range has been looked at. */ readonly complete: boolean;
          /** Letters that failed after this time have been looked at, if not complete. */ readonly back_to:
            string | null;
          /** Letters that were read; null for keys of one tenant. */ readonly letters:
            number | null;
          readonly bytes: number | null;
        };
      };
    };
  };
  /** Returns one dead letter with its record, bytes and headers. */
  readonly getDeadLetter: {
    readonly path: { readonly partition: number; readonly offset: number };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        /** Of the dead-letter topic. */ readonly partition: number;
        readonly offset: number;
        readonly failed_at: string;
        /** The service that could not process the record. */ readonly service: string;
        readonly stage: string;
        /** The class of the failure. */ readonly reason: string;
        /** What is wrong, without values of the record. */ readonly message: string;
        readonly origin: {
          readonly topic: string;
          readonly partition: number;
          readonly offset: number | null;
        };
        /** The node. */ readonly key: string | null;
        readonly schema_id: number | null;
        /** Length of the original value. */ readonly value_bytes: number;
        /** The letter has only the beginning of the value: it cannot be redriven. */ readonly is_cut: boolean;
        /** How often it was redriven before it failed again. */ readonly replays: number;
        readonly trace_id: string | null;
        /** null: it cannot be shown whose event it is. */ readonly tenant: string | null;
        /** As text, each shortened; at most 50, and for keys of one tenant without those of operators. */ readonly headers: {
          readonly [name: string]: string;
        };
        readonly value: {
          /** At most the first 64 kB of what the letter has. */ readonly base64: string;
          /** The same, with a dot for every byte that is not a printable ASCII character. */ readonly text: string;
          readonly shown_bytes: number;
        };
        /** The event by its writer's schema; null if it cannot be decoded. */ readonly decoded: unknown;
        readonly decode_problem: string | null;
      };
    };
  };
  /** Sends dead letters back to the topics that they came from, as a job. */
  readonly redriveDeadLetters: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      /** true: count what would be sent, and send nothing. */ readonly dry_run: boolean;
      /** Which letters; {}: all. Either filter or letters. */ readonly filter?: {
        /** The step that failed: decode, produce (to Kafka) or write (to PostgreSQL). */ readonly stage?:
          "decode" | "produce" | "write";
        /** The class of the failure. */ readonly reason?:
          | "not-avro"
          | "unknown-schema"
          | "undecodable"
          | "invalid-record"
          | "too-old"
          | "in-future"
          | "row-refused"
          | "record-refused";
        /** The topic that the record came from. */ readonly topic?:
          "probe.metrics.raw" | "probe.metrics.enriched";
        /** The record's key. */ readonly node?: string;
        /** Only letters whose event says that it is of the tenant. */ readonly tenant?: string;
        /** Failed at this time or later. ISO 8601, or an age such as -6h. */ readonly from?: string;
        /** Failed before this time. */ readonly to?: string;
      };
      /** Which letters, by their positions in the dead-letter topic. */ readonly letters?: readonly {
        readonly partition: number;
        readonly offset: number;
      }[];
      /** How many to send at most. Default: all. */ readonly limit?: number;
      /** How many to send per second. */ readonly rate?: number;
      /** Letters that were redriven so often before are left out. */ readonly max_replays?: number;
      /** Also send letters that an earlier redrive with the same filter has sent. */ readonly from_start?: boolean;
    };
    readonly answer: {
      readonly data: {
        readonly job_id: string;
        readonly kind: "redrive";
        readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** It only counts what it would do. */ readonly dry_run: boolean;
        /** Whose data it is about; null: of all tenants. */ readonly tenant: string | null;
        /** Key id of the reader, or user id of the person, who asked for it. */ readonly created_by: string;
        readonly created_at: string;
        readonly started_at: string | null;
        readonly updated_at: string;
        readonly finished_at: string | null;
        readonly cancel_requested_at: string | null;
        readonly cancelled_by: string | null;
        /** Why it failed, or what it waits for. */ readonly problem: string | null;
        /** What was asked for. */ readonly request: { readonly [name: string]: unknown };
        /** done and total in records to look at, and counts. */ readonly progress: {
          readonly [name: string]: unknown;
        };
        /** What came of it; null before it has finished. */ readonly result: {
          readonly [name: string]: unknown;
        } | null;
      };
    };
  };
  /** Returns jobs, the newest first. */
  readonly listJobs: {
    readonly path: {};
    readonly query: {
      readonly kind?: "redrive";
      readonly state?: "queued" | "running" | "succeeded" | "failed" | "cancelled";
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly job_id: string;
        readonly kind: "redrive";
        readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** It only counts what it would do. */ readonly dry_run: boolean;
        /** Whose data it is about; null: of all tenants. */ readonly tenant: string | null;
        /** Key id of the reader, or user id of the person, who asked for it. */ readonly created_by: string;
        readonly created_at: string;
        readonly started_at: string | null;
        readonly updated_at: string;
        readonly finished_at: string | null;
        readonly cancel_requested_at: string | null;
        readonly cancelled_by: string | null;
        /** Why it failed, or what it waits for. */ readonly problem: string | null;
        /** What was asked for. */ readonly request: { readonly [name: string]: unknown };
        /** done and total in records to look at, and counts. */ readonly progress: {
          readonly [name: string]: unknown;
        };
        /** What came of it; null before it has finished. */ readonly result: {
          readonly [name: string]: unknown;
        } | null;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns one job: how far it is, and what came of it. */
  readonly getJob: {
    readonly path: { readonly job_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly job_id: string;
        readonly kind: "redrive";
        readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** It only counts what it would do. */ readonly dry_run: boolean;
        /** Whose data it is about; null: of all tenants. */ readonly tenant: string | null;
        /** Key id of the reader, or user id of the person, who asked for it. */ readonly created_by: string;
        readonly created_at: string;
        readonly started_at: string | null;
        readonly updated_at: string;
        readonly finished_at: string | null;
        readonly cancel_requested_at: string | null;
        readonly cancelled_by: string | null;
        /** Why it failed, or what it waits for. */ readonly problem: string | null;
        /** What was asked for. */ readonly request: { readonly [name: string]: unknown };
        /** done and total in records to look at, and counts. */ readonly progress: {
          readonly [name: string]: unknown;
        };
        /** What came of it; null before it has finished. */ readonly result: {
          readonly [name: string]: unknown;
        } | null;
      };
    };
  };
  /** Cancels a job. */
  readonly cancelJob: {
    readonly path: { readonly job_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly job_id: string;
        readonly kind: "redrive";
        readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** It only counts what it would do. */ readonly dry_run: boolean;
        /** Whose data it is about; null: of all tenants. */ readonly tenant: string | null;
        /** Key id of the reader, or user id of the person, who asked for it. */ readonly created_by: string;
        readonly created_at: string;
        readonly started_at: string | null;
        readonly updated_at: string;
        readonly finished_at: string | null;
        readonly cancel_requested_at: string | null;
        readonly cancelled_by: string | null;
        /** Why it failed, or what it waits for. */ readonly problem: string | null;
        /** What was asked for. */ readonly request: { readonly [name: string]: unknown };
        /** done and total in records to look at, and counts. */ readonly progress: {
          readonly [name: string]: unknown;
        };
        /** What came of it; null before it has finished. */ readonly result: {
          readonly [name: string]: unknown;
        } | null;
      };
    };
  };
  /** Returns events, the newest first. */
  readonly referenceMetrics: {
    readonly path: {};
    readonly query: {
      readonly node_id?: string;
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly start_time?: string;
      /** ISO 8601 with a zone, such as 2026-11-24T12:00:00Z, a day, or an age: -30s, -15m, -6h, -2d, -1w. */ readonly end_time?: string;
      readonly limit?: number;
      readonly offset?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly status: "ok";
      readonly data: {
        readonly count: number;
        readonly limit: number;
        readonly offset: number;
        readonly order: "time DESC";
        readonly metrics: readonly {
          readonly node_id: string;
          readonly country: string;
          readonly region: string;
          /** null: nothing came back. */ readonly latency_ms: number | null;
          readonly uptime_pct: number;
          readonly packet_loss: number;
          readonly time: string;
          readonly metadata: unknown;
        }[];
      };
      readonly meta: { readonly [name: string]: unknown } | null;
    };
  };
  /** Returns the people who may sign in, with what is granted to them. */
  readonly listUsers: {
    readonly path: {};
    readonly query: {
      /** Part of the name, in any case. */ readonly q?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly user_id: string;
        /** oidc: signs in at an identity provider. */ readonly kind: "local" | "oidc";
        readonly name: string;
        readonly created_at: string;
        readonly last_signed_in_at: string | null;
        /** null: is not disabled. */ readonly disabled_at: string | null;
        readonly has_password: boolean;
        readonly has_totp: boolean;
        /** Those that you may see. */ readonly grants: readonly {
          readonly grant_id: string;
          readonly user_id: string;
          readonly role: "viewer" | "operator" | "admin" | "auditor";
          /** *: all tenants. */ readonly tenant: string;
          /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
          /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
            "local" | "oidc";
          readonly created_at: string;
        }[];
        /** Whether you may change the user: you may grant all that is granted to them. */ readonly is_manageable: boolean;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns one person, with what is granted to them. */
  readonly getUser: {
    readonly path: { readonly user_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly user_id: string;
        /** oidc: signs in at an identity provider. */ readonly kind: "local" | "oidc";
        readonly name: string;
        readonly created_at: string;
        readonly last_signed_in_at: string | null;
        /** null: is not disabled. */ readonly disabled_at: string | null;
        readonly has_password: boolean;
        readonly has_totp: boolean;
        /** Those that you may see. */ readonly grants: readonly {
          readonly grant_id: string;
          readonly user_id: string;
          readonly role: "viewer" | "operator" | "admin" | "auditor";
          /** *: all tenants. */ readonly tenant: string;
          /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
          /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
            "local" | "oidc";
          readonly created_at: string;
        }[];
        /** Whether you may change the user: you may grant all that is granted to them. */ readonly is_manageable: boolean;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Returns what is granted to people, the newest first. */
  readonly listGrants: {
    readonly path: {};
    readonly query: {
      readonly user_id?: string;
      /** Only grants in this tenant; not those in all. */ readonly tenant?: string;
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly grant_id: string;
        readonly user_id: string;
        readonly role: "viewer" | "operator" | "admin" | "auditor";
        /** *: all tenants. */ readonly tenant: string;
        /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
        /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
          "local" | "oidc";
        readonly created_at: string;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Creates a local user, and returns a link that signs them in once. */
  readonly createUser: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly name: string;
      readonly grants?: readonly {
        readonly role: "viewer" | "operator" | "admin" | "auditor";
        /** *: all tenants. */ readonly tenant?: "*" | string;
        /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern?: string;
      }[];
    };
    readonly answer: {
      readonly data: {
        readonly user_id: string;
        /** oidc: signs in at an identity provider. */ readonly kind: "local" | "oidc";
        readonly name: string;
        readonly created_at: string;
        readonly last_signed_in_at: string | null;
        /** null: is not disabled. */ readonly disabled_at: string | null;
        readonly has_password: boolean;
        readonly has_totp: boolean;
        /** Those that you may see. */ readonly grants: readonly {
          readonly grant_id: string;
          readonly user_id: string;
          readonly role: "viewer" | "operator" | "admin" | "auditor";
          /** *: all tenants. */ readonly tenant: string;
          /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
          /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
            "local" | "oidc";
          readonly created_at: string;
        }[];
        /** Whether you may change the user: you may grant all that is granted to them. */ readonly is_manageable: boolean;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
      /** Signs the person in once, who then sets a password. */ readonly link: {
        /** Of the page on this console; shown only once. */ readonly path: string;
        readonly expires_at: string;
      };
    };
  };
  /** Renames, disables or enables a user. */
  readonly changeUser: {
    readonly path: { readonly user_id: string };
    readonly query: {};
    readonly body: { readonly name?: string; readonly disabled?: boolean };
    readonly answer: {
      readonly data: {
        readonly user_id: string;
        /** oidc: signs in at an identity provider. */ readonly kind: "local" | "oidc";
        readonly name: string;
        readonly created_at: string;
        readonly last_signed_in_at: string | null;
        /** null: is not disabled. */ readonly disabled_at: string | null;
        readonly has_password: boolean;
        readonly has_totp: boolean;
        /** Those that you may see. */ readonly grants: readonly {
          readonly grant_id: string;
          readonly user_id: string;
          readonly role: "viewer" | "operator" | "admin" | "auditor";
          /** *: all tenants. */ readonly tenant: string;
          /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
          /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
            "local" | "oidc";
          readonly created_at: string;
        }[];
        /** Whether you may change the user: you may grant all that is granted to them. */ readonly is_manageable: boolean;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Returns a link that signs a local user in once, who then sets a new password. */
  readonly resetUser: {
    readonly path: { readonly user_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly user_id: string;
        /** oidc: signs in at an identity provider. */ readonly kind: "local" | "oidc";
        readonly name: string;
        readonly created_at: string;
        readonly last_signed_in_at: string | null;
        /** null: is not disabled. */ readonly disabled_at: string | null;
        readonly has_password: boolean;
        readonly has_totp: boolean;
        /** Those that you may see. */ readonly grants: readonly {
          readonly grant_id: string;
          readonly user_id: string;
          readonly role: "viewer" | "operator" | "admin" | "auditor";
          /** *: all tenants. */ readonly tenant: string;
          /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
          /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
            "local" | "oidc";
          readonly created_at: string;
        }[];
        /** Whether you may change the user: you may grant all that is granted to them. */ readonly is_manageable: boolean;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
      /** Signs the person in once, who then sets a password. */ readonly link: {
        /** Of the page on this console; shown only once. */ readonly path: string;
        readonly expires_at: string;
      };
    };
  };
  /** Grants a role to a user, in a tenant or all, for nodes by a pattern. */
  readonly addGrant: {
    readonly path: { readonly user_id: string };
    readonly query: {};
    readonly body: {
      readonly role: "viewer" | "operator" | "admin" | "auditor";
      /** *: all tenants. */ readonly tenant?: "*" | string;
      /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern?: string;
    };
    readonly answer: {
      readonly data: {
        readonly grant_id: string;
        readonly user_id: string;
        readonly role: "viewer" | "operator" | "admin" | "auditor";
        /** *: all tenants. */ readonly tenant: string;
        /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
        /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
          "local" | "oidc";
        readonly created_at: string;
      };
    };
  };
  /** Takes a grant away. */
  readonly removeGrant: {
    readonly path: { readonly grant_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly grant_id: string;
        readonly user_id: string;
        readonly role: "viewer" | "operator" | "admin" | "auditor";
        /** *: all tenants. */ readonly tenant: string;
        /** One node id, or a prefix and *. *: all nodes. */ readonly node_pattern: string;
        /** oidc: it follows from a group of the identity provider, at each sign-in. */ readonly source:
          "local" | "oidc";
        readonly created_at: string;
      };
    };
  };
  /** Returns where a user is signed in, the newest first. */
  readonly listSessionsOfUser: {
    readonly path: { readonly user_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly session_id: string;
        /** How they signed in. */ readonly method: "password" | "oidc" | "link";
        readonly created_at: string;
        /** To about a minute. */ readonly last_seen_at: string;
        readonly expires_at: string;
        readonly address: string | null;
        readonly user_agent: string | null;
      }[];
    };
  };
  /** Signs a user out everywhere. */
  readonly endSessionsOfUser: {
    readonly path: { readonly user_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly data: { readonly ended: number } };
  };
  /** Ends one session of a user. */
  readonly endSessionOfUser: {
    readonly path: { readonly user_id: string; readonly session_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly data: { readonly ended: number } };
  };
  /** Returns each key of senders, the newest first, without secrets. */
  readonly listKeys: {
    readonly path: {};
    readonly query: {
      readonly tenant?: string;
      /** true: revoked ones, too. */ readonly revoked?: "true" | "false";
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly key_id: string;
        readonly tenant: string;
        /** One node id, or a prefix and *. */ readonly node_pattern: string;
        /** Events that its bucket gains each second. */ readonly rate_per_second: number;
        /** Events that its bucket holds. */ readonly burst: number;
        /** How many nodes it may report for within 30 days. */ readonly max_nodes: number;
        readonly requires_signature: boolean;
        /** It has no secret: it is for JWTs with this subject. */ readonly jwt_subject:
          string | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns one key of senders, without its secret. */
  readonly getKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        readonly tenant: string;
        /** One node id, or a prefix and *. */ readonly node_pattern: string;
        /** Events that its bucket gains each second. */ readonly rate_per_second: number;
        /** Events that its bucket holds. */ readonly burst: number;
        /** How many nodes it may report for within 30 days. */ readonly max_nodes: number;
        readonly requires_signature: boolean;
        /** It has no secret: it is for JWTs with this subject. */ readonly jwt_subject:
          string | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Returns each reader key, the newest first, without secrets. */
  readonly listReaderKeys: {
    readonly path: {};
    readonly query: {
      readonly tenant?: string;
      /** true: revoked ones, too. */ readonly revoked?: "true" | "false";
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly key_id: string;
        /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
        readonly may_change_nodes: boolean;
        readonly may_redrive: boolean;
        /** Cost; null: as the console's settings say. */ readonly rate_per_second: number | null;
        readonly burst: number | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns one reader key, without its secret. */
  readonly getReaderKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
        readonly may_change_nodes: boolean;
        readonly may_redrive: boolean;
        /** Cost; null: as the console's settings say. */ readonly rate_per_second: number | null;
        readonly burst: number | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Creates a key of senders, and returns its token once. */
  readonly createKey: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly tenant: string;
      readonly node_pattern: string;
      readonly rate_per_second?: number;
      /** Default: ten times the rate. */ readonly burst?: number;
      readonly max_nodes?: number;
      readonly requires_signature?: boolean;
      /** Only by administrators of all tenants. */ readonly jwt_subject?: string;
      readonly expires_in_seconds?: number;
      readonly note?: string | null;
    };
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        readonly tenant: string;
        /** One node id, or a prefix and *. */ readonly node_pattern: string;
        /** Events that its bucket gains each second. */ readonly rate_per_second: number;
        /** Events that its bucket holds. */ readonly burst: number;
        /** How many nodes it may report for within 30 days. */ readonly max_nodes: number;
        readonly requires_signature: boolean;
        /** It has no secret: it is for JWTs with this subject. */ readonly jwt_subject:
          string | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
      /** Shown only once; null: the key is for JWTs. */ readonly token: string | null;
    };
  };
  /** Changes the rate, burst, nodes or note of a key; its secret stays. */
  readonly changeKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: {
      readonly node_pattern?: string;
      readonly rate_per_second?: number;
      readonly burst?: number;
      readonly max_nodes?: number;
      readonly note?: string | null;
    };
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        readonly tenant: string;
        /** One node id, or a prefix and *. */ readonly node_pattern: string;
        /** Events that its bucket gains each second. */ readonly rate_per_second: number;
        /** Events that its bucket holds. */ readonly burst: number;
        /** How many nodes it may report for within 30 days. */ readonly max_nodes: number;
        readonly requires_signature: boolean;
        /** It has no secret: it is for JWTs with this subject. */ readonly jwt_subject:
          string | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Creates a key with the same permissions, and lets the old one expire. */
  readonly rotateKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: {
      /** How long the old key stays valid, in seconds. */ readonly keep_old_seconds?: number;
      /** Of the new key. Default: when the old one would have expired. */ readonly expires_in_seconds?: number;
    };
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        readonly tenant: string;
        /** One node id, or a prefix and *. */ readonly node_pattern: string;
        /** Events that its bucket gains each second. */ readonly rate_per_second: number;
        /** Events that its bucket holds. */ readonly burst: number;
        /** How many nodes it may report for within 30 days. */ readonly max_nodes: number;
        readonly requires_signature: boolean;
        /** It has no secret: it is for JWTs with this subject. */ readonly jwt_subject:
          string | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
      /** Shown only once; null: the key is for JWTs. */ readonly token: string | null;
    };
  };
  /** Revokes a key permanently. */
  readonly revokeKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        readonly tenant: string;
        /** One node id, or a prefix and *. */ readonly node_pattern: string;
        /** Events that its bucket gains each second. */ readonly rate_per_second: number;
        /** Events that its bucket holds. */ readonly burst: number;
        /** How many nodes it may report for within 30 days. */ readonly max_nodes: number;
        readonly requires_signature: boolean;
        /** It has no secret: it is for JWTs with this subject. */ readonly jwt_subject:
          string | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Creates a key of readers of this API, and returns its token once. */
  readonly createReaderKey: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
      readonly may_change_nodes?: boolean;
      readonly may_redrive?: boolean;
      /** Default: as the console's settings say. */ readonly rate_per_second?: number;
      /** Default: ten times the rate. Only with rate_per_second. */ readonly burst?: number;
      readonly expires_in_seconds?: number;
      readonly note?: string | null;
    };
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
        readonly may_change_nodes: boolean;
        readonly may_redrive: boolean;
        /** Cost; null: as the console's settings say. */ readonly rate_per_second: number | null;
        readonly burst: number | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
      /** Shown only once. */ readonly token: string;
    };
  };
  /** Changes the rate, burst or note of a reader key; its secret stays. */
  readonly changeReaderKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: {
      readonly rate_per_second?: number | null;
      readonly burst?: number | null;
      readonly note?: string | null;
    };
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
        readonly may_change_nodes: boolean;
        readonly may_redrive: boolean;
        /** Cost; null: as the console's settings say. */ readonly rate_per_second: number | null;
        readonly burst: number | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Creates a reader key with the same permissions, and lets the old one expire. */
  readonly rotateReaderKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: {
      /** How long the old key stays valid, in seconds. */ readonly keep_old_seconds?: number;
    };
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
        readonly may_change_nodes: boolean;
        readonly may_redrive: boolean;
        /** Cost; null: as the console's settings say. */ readonly rate_per_second: number | null;
        readonly burst: number | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
      /** Shown only once. */ readonly token: string;
    };
  };
  /** Revokes a reader key permanently. */
  readonly revokeReaderKey: {
    readonly path: { readonly key_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly key_id: string;
        /** Whose data it may read; null: of all tenants. */ readonly tenant: string | null;
        readonly may_change_nodes: boolean;
        readonly may_redrive: boolean;
        /** Cost; null: as the console's settings say. */ readonly rate_per_second: number | null;
        readonly burst: number | null;
        readonly note: string | null;
        readonly created_at: string;
        /** null: never. */ readonly expires_at: string | null;
        readonly revoked_at: string | null;
        /** To about a minute; null: not since this is recorded. */ readonly last_used_at:
          string | null;
        /** Of what can be changed; PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Returns the limits of tenants that have one. */
  readonly listTenantLimits: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly tenant: string;
        /** Events of all its keys each second. */ readonly rate_per_second: number;
        /** Events of all its keys at once. */ readonly burst: number;
        /** PATCH needs it in If-Match. */ readonly version: string;
      }[];
    };
  };
  /** Limits how much all keys of a tenant may send together. */
  readonly createTenantLimit: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly tenant: string;
      readonly rate_per_second: number;
      /** Default: ten times the rate. */ readonly burst?: number;
    };
    readonly answer: {
      readonly data: {
        readonly tenant: string;
        /** Events of all its keys each second. */ readonly rate_per_second: number;
        /** Events of all its keys at once. */ readonly burst: number;
        /** PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Changes the limit of a tenant. */
  readonly changeTenantLimit: {
    readonly path: { readonly tenant: string };
    readonly query: {};
    readonly body: { readonly rate_per_second?: number; readonly burst?: number };
    readonly answer: {
      readonly data: {
        readonly tenant: string;
        /** Events of all its keys each second. */ readonly rate_per_second: number;
        /** Events of all its keys at once. */ readonly burst: number;
        /** PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Removes the limit of a tenant; those of its keys remain. */
  readonly removeTenantLimit: {
    readonly path: { readonly tenant: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly tenant: string;
        /** Events of all its keys each second. */ readonly rate_per_second: number;
        /** Events of all its keys at once. */ readonly burst: number;
        /** PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Returns how many days data is kept. */
  readonly getRetention: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        /** events */ readonly raw_days: number;
        /** roll-ups of 1 and 5 minutes */ readonly minutes_days: number;
        /** hourly roll-ups */ readonly hourly_days: number;
        /** daily roll-ups */ readonly daily_days: number;
        /** conflicting events */ readonly conflicts_days: number;
        /** alerts and changes */ readonly history_days: number;
        /** What the migration step has set; nothing is kept for less. */ readonly least: {
          /** events */ readonly raw_days: number;
          /** roll-ups of 1 and 5 minutes */ readonly minutes_days: number;
          /** hourly roll-ups */ readonly hourly_days: number;
          /** daily roll-ups */ readonly daily_days: number;
          /** conflicting events */ readonly conflicts_days: number;
          /** alerts and changes */ readonly history_days: number;
        };
        /** PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Changes how many days data is kept: at least as long as the migration step has set. */
  readonly changeRetention: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly raw_days?: number;
      readonly minutes_days?: number;
      readonly hourly_days?: number;
      readonly daily_days?: number;
      readonly conflicts_days?: number;
      readonly history_days?: number;
    };
    readonly answer: {
      readonly data: {
        /** events */ readonly raw_days: number;
        /** roll-ups of 1 and 5 minutes */ readonly minutes_days: number;
        /** hourly roll-ups */ readonly hourly_days: number;
        /** daily roll-ups */ readonly daily_days: number;
        /** conflicting events */ readonly conflicts_days: number;
        /** alerts and changes */ readonly history_days: number;
        /** What the migration step has set; nothing is kept for less. */ readonly least: {
          /** events */ readonly raw_days: number;
          /** roll-ups of 1 and 5 minutes */ readonly minutes_days: number;
          /** hourly roll-ups */ readonly hourly_days: number;
          /** daily roll-ups */ readonly daily_days: number;
          /** conflicting events */ readonly conflicts_days: number;
          /** alerts and changes */ readonly history_days: number;
        };
        /** PATCH needs it in If-Match. */ readonly version: string;
      };
    };
  };
  /** Returns what was asked for and needs a second person, the newest first. */
  readonly listApprovals: {
    readonly path: {};
    readonly query: {
      readonly state?: "waiting" | "expired" | "approved" | "rejected" | "withdrawn";
      /** meta.next_cursor of the page before. */ readonly cursor?: string;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly approval_id: string;
        readonly state: "waiting" | "expired" | "approved" | "rejected" | "withdrawn";
        /** The route, by its operationId. */ readonly operation: string;
        /** Whose data it is about; null: of several, or the platform's. */ readonly tenant:
          string | null;
        /** User id. */ readonly requested_by: string;
        readonly requested_at: string;
        readonly expires_at: string;
        readonly decided_by: string | null;
        readonly decided_at: string | null;
        readonly decision_reason: string | null;
        /** What is done when it is approved: path, query, body and headers. */ readonly request: {
          readonly [name: string]: unknown;
        };
        /** Of the bytes that are kept; approving names it. */ readonly request_sha256: string;
      }[];
      readonly meta: { readonly next_cursor: string | null };
    };
  };
  /** Returns one request for approval: your own, or one that you may decide. */
  readonly getApproval: {
    readonly path: { readonly approval_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly approval_id: string;
        readonly state: "waiting" | "expired" | "approved" | "rejected" | "withdrawn";
        /** The route, by its operationId. */ readonly operation: string;
        /** Whose data it is about; null: of several, or the platform's. */ readonly tenant:
          string | null;
        /** User id. */ readonly requested_by: string;
        readonly requested_at: string;
        readonly expires_at: string;
        readonly decided_by: string | null;
        readonly decided_at: string | null;
        readonly decision_reason: string | null;
        /** What is done when it is approved: path, query, body and headers. */ readonly request: {
          readonly [name: string]: unknown;
        };
        /** Of the bytes that are kept; approving names it. */ readonly request_sha256: string;
      };
    };
  };
  /** Approves what somebody else has asked for, and does exactly that. */
  readonly approveRequest: {
    readonly path: { readonly approval_id: string };
    readonly query: {};
    readonly body: { readonly request_sha256: string; readonly reason?: string };
    readonly answer: {
      readonly data: {
        readonly approval_id: string;
        readonly state: "waiting" | "expired" | "approved" | "rejected" | "withdrawn";
        /** The route, by its operationId. */ readonly operation: string;
        /** Whose data it is about; null: of several, or the platform's. */ readonly tenant:
          string | null;
        /** User id. */ readonly requested_by: string;
        readonly requested_at: string;
        readonly expires_at: string;
        readonly decided_by: string | null;
        readonly decided_at: string | null;
        readonly decision_reason: string | null;
        /** What is done when it is approved: path, query, body and headers. */ readonly request: {
          readonly [name: string]: unknown;
        };
        /** Of the bytes that are kept; approving names it. */ readonly request_sha256: string;
      };
      readonly result: { readonly [name: string]: unknown };
    };
  };
  /** Rejects what somebody has asked for. */
  readonly rejectRequest: {
    readonly path: { readonly approval_id: string };
    readonly query: {};
    readonly body: { readonly reason?: string };
    readonly answer: {
      readonly data: {
        readonly approval_id: string;
        readonly state: "waiting" | "expired" | "approved" | "rejected" | "withdrawn";
        /** The route, by its operationId. */ readonly operation: string;
        /** Whose data it is about; null: of several, or the platform's. */ readonly tenant:
          string | null;
        /** User id. */ readonly requested_by: string;
        readonly requested_at: string;
        readonly expires_at: string;
        readonly decided_by: string | null;
        readonly decided_at: string | null;
        readonly decision_reason: string | null;
        /** What is done when it is approved: path, query, body and headers. */ readonly request: {
          readonly [name: string]: unknown;
        };
        /** Of the bytes that are kept; approving names it. */ readonly request_sha256: string;
      };
    };
  };
  /** Withdraws what you have asked for. */
  readonly withdrawRequest: {
    readonly path: { readonly approval_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly approval_id: string;
        readonly state: "waiting" | "expired" | "approved" | "rejected" | "withdrawn";
        /** The route, by its operationId. */ readonly operation: string;
        /** Whose data it is about; null: of several, or the platform's. */ readonly tenant:
          string | null;
        /** User id. */ readonly requested_by: string;
        readonly requested_at: string;
        readonly expires_at: string;
        readonly decided_by: string | null;
        readonly decided_at: string | null;
        readonly decision_reason: string | null;
        /** What is done when it is approved: path, query, body and headers. */ readonly request: {
          readonly [name: string]: unknown;
        };
        /** Of the bytes that are kept; approving names it. */ readonly request_sha256: string;
      };
    };
  };
  /** Returns the figures of a time range by node or by region. */
  readonly referenceAggregated: {
    readonly path: {};
    readonly query: {
      readonly dimension: "region" | "node";
      /** Default: 24 h before the end. */ readonly start_time?: string;
      /** Default: now. */ readonly end_time?: string;
      /** What downtime_intervals counts; auto: as the range is long. */ readonly interval?:
        "1m" | "5m" | "1h" | "1d" | "auto";
      /** Without effect: answers always have the events of the last minute. */ readonly prefer_freshness?:
        "true" | "false";
    };
    readonly body: undefined;
    readonly answer: {
      readonly status: "ok";
      readonly data: readonly {
        /** The node, or region/country. */ readonly dimension: string;
        /** 0 where no event has a latency, as the reference system answers. */ readonly avg_latency: number;
        readonly min_latency: number;
        readonly max_latency: number;
        readonly p95_latency: number;
        readonly avg_packet_loss: number;
        /** Events. */ readonly reporting_count: number;
        /** Intervals in which an event had no latency, or an uptime below 100 %. */ readonly downtime_intervals: number;
        /** Share of the events that have a latency. */ readonly availability_pct: number;
      }[];
      readonly meta: { readonly [name: string]: unknown } | null;
    };
  };
  /** Returns the figures of all nodes, of each region, and of the worst nodes. */
  readonly referenceCluster: {
    readonly path: {};
    readonly query: {
      /** Default: 24 h before the end. */ readonly start_time?: string;
      /** Default: now; at most 7 days after the start. */ readonly end_time?: string;
      readonly top_n?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly status: "ok";
      readonly data: {
        readonly time_range: { readonly start: string; readonly end: string };
        readonly fleet_summary: {
          readonly total_nodes: number;
          /** 0 where there is none. */ readonly avg_latency_ms: number;
          /** 0 where there is none. */ readonly avg_uptime_pct: number;
          /** 0 where there is none. */ readonly avg_loss_pct: number;
        };
        readonly regional_breakdown: readonly {
          readonly region: string;
          readonly nodes: number;
          /** 0 where there is none. */ readonly avg_latency: number;
          /** 0 where there is none. */ readonly avg_uptime: number;
        }[];
        readonly top_problematic_nodes: readonly {
          readonly node_id: string;
          readonly region: string;
          readonly score: number;
          /** 0 where there is none. */ readonly avg_latency: number;
          /** 0 where there is none. */ readonly avg_loss: number;
        }[];
      };
      readonly meta: { readonly [name: string]: unknown } | null;
    };
  };
  /** Lists all nodes that are not deleted. */
  readonly referenceNodes: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly status: "ok";
      readonly data: readonly {
        readonly node_id: string;
        readonly status: string;
        readonly country: string | null;
        readonly region: string | null;
        /** 0 while it is not known, as the reference system answers. */ readonly lat: number;
        readonly lng: number;
        readonly last_seen: string | null;
      }[];
      readonly meta: { readonly [name: string]: unknown } | null;
    };
  };
  /** Registers a node. */
  readonly referenceCreateNode: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly node_id: string;
      readonly status: "registered";
      readonly country: string;
      readonly region: string;
      readonly lat: number;
      readonly lng: number;
    };
    readonly answer: { readonly status: "created"; readonly message: string };
  };
  /** Marks a node as deleted. */
  readonly referenceDeleteNode: {
    readonly path: { readonly node_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly status: "ok"; readonly message: string };
  };
  /** Returns who is signed in, and what they may do. */
  readonly getMe: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: {
        readonly user_id: string;
        readonly name: string;
        readonly kind: "local" | "oidc";
        /** null: asked with a personal token. */ readonly session_id: string | null;
        readonly has_password: boolean;
        readonly has_totp: boolean;
        readonly recovery_codes_left: number;
        readonly last_signed_in_at: string | null;
        /** What was granted to the person. */ readonly grants: readonly {
          /** *: all. */ readonly tenant: string;
          /** A node id, a prefix followed by *, or *: all. */ readonly nodes: string;
          readonly role: "viewer" | "operator" | "admin" | "auditor";
        }[];
        /** What this session or token may do, and for whose data. */ readonly permissions: {
          readonly [
            name in
              | "metrics:read"
              | "nodes:read"
              | "alerts:read"
              | "pipeline:read"
              | "topics:read"
              | "nodes:create"
              | "nodes:update"
              | "alerts:acknowledge"
              | "notes:write"
              | "deadletters:read"
              | "deadletters:redrive"
              | "jobs:cancel"
              | "breaker:reset"
              | "nodes:delete"
              | "keys:read"
              | "keys:write"
              | "users:read"
              | "users:write"
              | "grants:write"
              | "sessions:revoke"
              | "retention:write"
              | "approvals:decide"
              | "audit:read"
              | "audit:verify"
          ]?: readonly {
            /** *: all. */ readonly tenant: string;
            /** A node id, a prefix followed by *, or *: all. */ readonly nodes: string;
          }[];
        };
      };
    };
  };
  /** Signs a local user in by name and password. */
  readonly signIn: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly name: string;
      readonly password: string;
      /** Of the authenticator app, or for recovery. */ readonly code?: string;
    };
    readonly answer: { readonly data: { readonly user_id: string; readonly session_id: string } };
  };
  /** Signs somebody in by a one-time link. */
  readonly useLink: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly token: string;
      /** Of the authenticator app, or for recovery. */ readonly code?: string;
    };
    readonly answer: { readonly data: { readonly user_id: string; readonly session_id: string } };
  };
  /** Ends the session of the cookie, if there is one. */
  readonly signOut: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly data: {} };
  };
  /** Lists your sessions. */
  readonly listOwnSessions: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly session_id: string;
        /** How you signed in. */ readonly method: "password" | "oidc" | "link";
        readonly created_at: string;
        /** To about a minute. */ readonly last_seen_at: string;
        readonly expires_at: string;
        readonly address: string | null;
        readonly user_agent: string | null;
        /** It is the one that asks. */ readonly is_this: boolean;
      }[];
    };
  };
  /** Ends all your other sessions. */
  readonly endOtherSessions: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly data: { readonly ended: number } };
  };
  /** Ends one of your sessions. */
  readonly endOwnSession: {
    readonly path: { readonly session_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly data: {} };
  };
  /** Changes your password. */
  readonly changePassword: {
    readonly path: {};
    readonly query: {};
    readonly body: { readonly current_password?: string; readonly new_password: string };
    readonly answer: { readonly data: {} };
  };
  /** Makes a secret for an authenticator app (RFC 6238). */
  readonly beginTotp: {
    readonly path: {};
    readonly query: {};
    readonly body: { readonly password?: string };
    readonly answer: {
      readonly data: {
        /** To type in, in base 32. */ readonly secret: string;
        /** otpauth://…, which the app reads as a QR code. */ readonly url: string;
      };
    };
  };
  /** Confirms the authenticator app: signing in needs its code from then on. */
  readonly confirmTotp: {
    readonly path: {};
    readonly query: {};
    readonly body: { readonly code: string };
    readonly answer: {
      readonly data: {
        /** Each is of use once in the place of a code. They are shown only now. */ readonly recovery_codes: readonly string[];
      };
    };
  };
  /** Removes the authenticator app. */
  readonly removeTotp: {
    readonly path: {};
    readonly query: {};
    readonly body: { readonly password?: string; readonly code: string };
    readonly answer: { readonly data: {} };
  };
  /** Lists your personal tokens. */
  readonly listOwnTokens: {
    readonly path: {};
    readonly query: {};
    readonly body: undefined;
    readonly answer: {
      readonly data: readonly {
        readonly token_id: string;
        readonly note: string | null;
        /** The most that it may do; never more than you at that moment. */ readonly role:
          "viewer" | "operator" | "admin" | "auditor";
        /** *: those of yours. */ readonly tenant: string;
        /** *: those of yours. */ readonly nodes: string;
        readonly created_at: string;
        readonly expires_at: string;
        /** To about a minute; null: never. */ readonly last_used_at: string | null;
        readonly revoked_at: string | null;
      }[];
    };
  };
  /** Creates a personal token, for a script. */
  readonly createOwnToken: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      /** What it is for. */ readonly note?: string | null;
      readonly role?: "viewer" | "operator" | "admin" | "auditor";
      readonly tenant?: string;
      readonly nodes?: string;
      /** How long it lasts. */ readonly days?: number;
    };
    readonly answer: {
      readonly data: {
        readonly token: string;
        readonly token_id: string;
        readonly expires_at: string;
      };
    };
  };
  /** Revokes one of your personal tokens. */
  readonly revokeOwnToken: {
    readonly path: { readonly token_id: string };
    readonly query: {};
    readonly body: undefined;
    readonly answer: { readonly data: {} };
  };
  /** Returns a personal token for the one-time code of `fiber login`. */
  readonly redeemFiberCode: {
    readonly path: {};
    readonly query: {};
    readonly body: {
      readonly code: string;
      /** The secret of the program. */ readonly verifier: string;
    };
    readonly answer: {
      readonly data: {
        /** Shown only now. */ readonly token: string;
        readonly token_id: string;
        readonly expires_at: string;
      };
    };
  };
};
