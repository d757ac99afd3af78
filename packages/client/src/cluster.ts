/** Addresses and credentials of an installation of FiberStream. */
export type Cluster = {
  /** host:port, at least one. */
  readonly brokers: readonly string[];
  /** Base URL of the schema registry's Confluent API. */
  readonly schemaRegistryUrl: string;
  /** The prefix of this installation's topics; default "". */
  readonly namespace?: string;
  /** Name of this program in the brokers' logs and metrics; default "fiberstream-client". */
  readonly clientId?: string;
  /** Encrypts the connections to the brokers; `{}` trusts Node's certificate authorities. */
  readonly tls?: ClusterTls;
  /** Credentials for the brokers. */
  readonly sasl?: ClusterSasl;
  /** Credentials for the registry. */
  readonly registry?: {
    /** PEM file of the certificate authorities to trust. */
    readonly caFile?: string;
    readonly user?: { readonly username: string; readonly password: string };
  };
  /** Default: nothing is logged. Permanent errors are thrown in any case. */
  readonly log?: ClientLog;
};

/** Paths of PEM files. */
export type ClusterTls = {
  readonly caFile?: string;
  /** Certificate of this program, if the brokers require one. */
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
      /** Called whenever a token is needed. */
      readonly token: () => Promise<string>;
    };

type LogLine = (fields: object, message: string) => void;

/** A logger that takes fields and a message, such as pino's. */
export type ClientLog = {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
};
