/** Where an installation of FiberStream is, and how to be let in. */
export type Cluster = {
  /** host:port, at least one. */
  readonly brokers: readonly string[];
  /** Base URL of the schema registry's Confluent API. */
  readonly schemaRegistryUrl: string;
  /** The prefix of this installation's topics; default "". */
  readonly namespace?: string;
  /** How the brokers' logs and metrics call this program; default "fiberstream-client". */
  readonly clientId?: string;
  /** Encrypts the connections to the brokers; `{}` trusts the authorities that Node brings. */
  readonly tls?: ClusterTls;
  /** Who this program is to the brokers. */
  readonly sasl?: ClusterSasl;
  /** How to be let in by the registry. */
  readonly registry?: {
    /** A PEM file: who may vouch for it. */
    readonly caFile?: string;
    readonly user?: { readonly username: string; readonly password: string };
  };
  /** Default: nothing is logged. What goes wrong for good is thrown all the same. */
  readonly log?: ClientLog;
};

/** Paths of PEM files. */
export type ClusterTls = {
  readonly caFile?: string;
  /** This program's own certificate, where the brokers ask for one. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly keyPassword?: string;
};

export type ClusterSasl =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: "oauthbearer";
      /** Asked for a token whenever one is needed. */
      readonly token: () => Promise<string>;
    };

type LogLine = (fields: object, message: string) => void;

/** Takes a log line's fields and event; pino's loggers are such. */
export type ClientLog = {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
};
