import { tlsOptions } from "@fiberstream/runtime/tls-files";
import { Connection, connectionsApiChannel, type ConnectionOptions } from "@platformatic/kafka";
import type { KafkaAccess } from "../kafka.ts";
import { brokerError } from "./broker-answer.ts";

export type BrokerAddress = { readonly host: string; readonly port: number };

/** One version of one request, as `@platformatic/kafka` exports them (`fetchV13.api`). */
export type Api<Args extends unknown[], Answer> = {
  async: (connection: Connection, ...args: Args) => Promise<Answer>;
};

export type Request<Args extends unknown[], Answer> = {
  readonly api: Api<Args, Answer>;
  /** How long the broker may be silent, 10 s by default. */
  readonly timeoutMs?: number;
  /** Called now and then while bytes arrive. */
  readonly onProgress?: () => void;
};

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** `timeoutMs` limits the time without bytes. An answer that keeps arriving may take so many times as long. */
const MAX_ANSWER_IN_TIMEOUTS = 30;
const CHECKS_IN_A_TIMEOUT = 4;

/**
 * Sends one request and waits for its answer.
 * @returns the answer, also one with errors: the caller has to check its error codes
 * @throws {Error} when the broker is unavailable, silent for `timeoutMs`, or the answer takes too long; the channel's
 *   connection is then closed
 */
export type Call = <Args extends unknown[], Answer>(
  to: BrokerAddress,
  channel: string,
  request: Request<Args, Answer>,
  ...args: Args
) => Promise<Answer>;

export type ConnectionPool = {
  call: Call;
  /** Closes the connections to a broker; calls in flight over them reject. */
  drop: (broker: BrokerAddress) => void;
  close: () => Promise<void>;
};

type Channel = {
  readonly connected: Promise<Connection>;
  readonly inFlight: Set<Promise<unknown>>;
  /** When its connection is retired: no call is begun over it after that. */
  retiresAtMs: number;
};

/** Opens one connection for each broker and channel, when it is needed, and again after it has failed. */
export function createConnectionPool(access: KafkaAccess): ConnectionPool {
  const channels = new Map<string, Channel>();
  const closing = new AbortController();

  const connect = async ({ host, port }: BrokerAddress, onEnd: () => void) => {
    const connection = new Connection(access.clientId, await optionsOf(access));
    // The call that fails also throws the error. Without a listener it would end the process.
    const endAndRemove = () => {
      onEnd();
      end(connection);
    };
    connection.on("error", endAndRemove);
    connection.on("close", endAndRemove);
    await connection.connect(host, port);
    return connection;
  };

  /** Waits for the calls in flight before the next connection is opened, so that calls keep their order. */
  const retire = async ({ connected, inFlight }: Channel) => {
    await Promise.allSettled(inFlight);
    end(await connected);
  };

  const channelTo = (broker: BrokerAddress, name: string): Channel => {
    if (closing.signal.aborted) throw new Error("the connections are closed");
    const key = `${name}${toBroker(broker)}`;
    const open = channels.get(key);
    if (open !== undefined && performance.now() < open.retiresAtMs) {
      return open;
    }
    const remove = () => {
      if (channels.get(key) === channel) channels.delete(key);
    };
    const connected = (open === undefined ? Promise.resolve() : retire(open)).then(async () => {
      const connection = await connect(broker, remove);
      channel.retiresAtMs = sessionRetiresAtMs.get(connection) ?? Infinity;
      return connection;
    });
    const channel: Channel = { connected, inFlight: new Set(), retiresAtMs: Infinity };
    channels.set(key, channel);
    connected.catch(remove);
    return channel;
  };

  return {
    call: async (to, name, { api, timeoutMs = REQUEST_TIMEOUT_MS, onProgress }, ...args) => {
      const about = `${to.host}:${to.port}`;
      let channel: Channel;
      let connection: Connection;
      try {
        channel = channelTo(to, name);
        connection = await channel.connected;
      } catch (error) {
        throw brokerError(error, about);
      }
      const watched = endWhenSilent(connection, { timeoutMs, onProgress });
      const answered = api.async(connection, ...args);
      channel.inFlight.add(answered);
      try {
        return await answered;
      } catch (error) {
        const answer = answerIn(error);
        if (answer !== undefined) return answer as Awaited<ReturnType<typeof api.async>>;
        throw brokerError(error, about);
      } finally {
        channel.inFlight.delete(answered);
        clearInterval(watched);
      }
    },

    drop: (broker) => {
      for (const [key, { connected }] of channels) {
        if (key.endsWith(toBroker(broker))) connected.then(end, () => undefined);
      }
    },

    close: async () => {
      closing.abort();
      const open = await Promise.allSettled(
        Array.from(channels.values(), (channel) => channel.connected),
      );
      for (const result of open) if (result.status === "fulfilled") end(result.value);
      channels.clear();
    },
  };
}

/** The end of a channel's key. */
const toBroker = ({ host, port }: BrokerAddress): string => ` ${host}:${port}`;

/** `close` also clears the library's timer that renews the session. It would wait for the peer, so the socket is destroyed. */
function end(connection: Connection): void {
  connection.close(() => undefined);
  // There is no socket before `connect`.
  (connection.socket as Connection["socket"] | undefined)?.destroy();
}

/**
 * If brokers limit sessions (`connections.max.reauth.ms`, KIP-368), the library renews a session after 80 % of its
 * lifetime. A call during the renewal makes the broker close the connection, so no call is begun after 75 %. The library
 * reports the lifetime only to its diagnostics channel.
 */
const RETIRED_AFTER = 0.75;
const sessionRetiresAtMs = new WeakMap<object, number>();
connectionsApiChannel.asyncStart.subscribe((message) => {
  const { connection, result } = message as {
    connection: object;
    result?: { sessionLifetimeMs?: bigint };
  };
  const lifetimeMs = Number(result?.sessionLifetimeMs ?? 0);
  if (lifetimeMs > 0) {
    sessionRetiresAtMs.set(connection, performance.now() + RETIRED_AFTER * lifetimeMs);
  }
});

/** Destroys the socket after `timeoutMs` without bytes. A fetch of many megabytes over a slow link may take longer. */
function endWhenSilent(
  { socket }: Connection,
  { timeoutMs, onProgress }: { timeoutMs: number; onProgress: (() => void) | undefined },
): NodeJS.Timeout {
  let checks = 0;
  let silentChecks = 0;
  let { bytesRead } = socket;
  return setInterval(() => {
    checks++;
    silentChecks = socket.bytesRead === bytesRead ? silentChecks + 1 : 0;
    if (silentChecks === 0) onProgress?.();
    ({ bytesRead } = socket);
    const isOver = checks >= CHECKS_IN_A_TIMEOUT * MAX_ANSWER_IN_TIMEOUTS;
    if (isOver || silentChecks >= CHECKS_IN_A_TIMEOUT) socket.destroy();
  }, timeoutMs / CHECKS_IN_A_TIMEOUT);
}

/** The library throws an answer that has errors, with the answer in the error. */
const answerIn = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "response" in error ? error.response : undefined;

async function optionsOf({ security = {} }: KafkaAccess): Promise<ConnectionOptions> {
  const { tls, sasl } = security;
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Each call has its own timeout.
    requestTimeout: MAX_REQUEST_MS,
    maxInflights: 64,
    // Copied for each connection, so that a renewed certificate is read.
    ...(tls !== undefined && { tls: { ...tlsOptions(tls) }, tlsServerName: true }),
    ...(sasl !== undefined && { sasl: await saslOf(sasl) }),
  };
}

const MAX_REQUEST_MS = 400_000;

async function saslOf(
  sasl: NonNullable<NonNullable<KafkaAccess["security"]>["sasl"]>,
): Promise<NonNullable<ConnectionOptions["sasl"]>> {
  switch (sasl.mechanism) {
    case "plain":
    case "scram-sha-256":
    case "scram-sha-512": {
      const { username, password } = sasl;
      return { mechanism: MECHANISMS[sasl.mechanism], username, password };
    }
    case "oauthbearer": {
      const { oauthBearerProvider } = sasl;
      const token = async () => (await oauthBearerProvider()).value;
      return { mechanism: "OAUTHBEARER", token };
    }
    case "aws":
      throw new Error("SASL mechanism aws is not supported");
  }
}

const MECHANISMS = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;
