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
  /** Told now and then that more bytes have come. */
  readonly onProgress?: () => void;
};

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** The limit of a call is for silence. An answer that comes all the time may take this many times as long. */
const LONGEST_ANSWER_IN_LIMITS = 30;
const LOOKS_IN_A_LIMIT = 4;

export type ConnectionPool = {
  call: <Args extends unknown[], Answer>(
    to: BrokerAddress,
    channel: string,
    request: Request<Args, Answer>,
    ...args: Args
  ) => Promise<Answer>;
  close: () => Promise<void>;
};

type Channel = {
  readonly connected: Promise<Connection>;
  readonly inFlight: Set<Promise<unknown>>;
  /** When no call is begun any more over its connection. */
  retiresAtMs: number;
};

/** One connection for each broker and channel, made when it is needed and again after it has broken. */
export function createConnectionPool(access: KafkaAccess): ConnectionPool {
  const channels = new Map<string, Channel>();
  const closing = new AbortController();

  const connect = async ({ host, port }: BrokerAddress, onEnd: () => void) => {
    const connection = new Connection(access.clientId, await optionsOf(access));
    // An error is told by the call that meets it, too; without a listener the process would end.
    const endAndForget = () => {
      onEnd();
      end(connection);
    };
    connection.on("error", endAndForget);
    connection.on("close", endAndForget);
    await connection.connect(host, port);
    return connection;
  };

  /** Calls that are in flight keep their order: the next connection is made when they are answered. */
  const retire = async ({ connected, inFlight }: Channel) => {
    await Promise.allSettled(inFlight);
    end(await connected);
  };

  const channelTo = (broker: BrokerAddress, name: string): Channel => {
    if (closing.signal.aborted) throw new Error("the connections are closed");
    const key = `${name} ${broker.host}:${broker.port}`;
    const open = channels.get(key);
    if (open !== undefined && performance.now() < open.retiresAtMs) {
      return open;
    }
    const forget = () => {
      if (channels.get(key) === channel) channels.delete(key);
    };
    const connected = (open === undefined ? Promise.resolve() : retire(open)).then(async () => {
      const connection = await connect(broker, forget);
      channel.retiresAtMs = sessionRetiresAtMs.get(connection) ?? Infinity;
      return connection;
    });
    const channel: Channel = { connected, inFlight: new Set(), retiresAtMs: Infinity };
    channels.set(key, channel);
    connected.catch(forget);
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

    close: async () => {
      closing.abort();
      const open = await Promise.allSettled(Array.from(channels.values(), (one) => one.connected));
      for (const one of open) if (one.status === "fulfilled") end(one.value);
      channels.clear();
    },
  };
}

/** `close` takes back the timer of the library that would renew the session; it alone would wait for the peer. */
function end(connection: Connection): void {
  connection.close(() => undefined);
  // There is none before `connect`.
  (connection.socket as Connection["socket"] | undefined)?.destroy();
}

/**
 * A session that a broker ends by itself (`connections.max.reauth.ms`, KIP-368) is renewed by the library after 80 %
 * of its life; a call that comes in between has the broker close the connection. So none is begun after 75 %. How
 * long a session lives is told nowhere but to the diagnostics.
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

/** A fetch of many megabytes over a slow link is no silence: the limit runs anew as long as bytes arrive. */
function endWhenSilent(
  { socket }: Connection,
  { timeoutMs, onProgress }: { timeoutMs: number; onProgress: (() => void) | undefined },
): NodeJS.Timeout {
  let looks = 0;
  let silentLooks = 0;
  let { bytesRead } = socket;
  return setInterval(() => {
    looks++;
    silentLooks = socket.bytesRead === bytesRead ? silentLooks + 1 : 0;
    if (silentLooks === 0) onProgress?.();
    ({ bytesRead } = socket);
    const isOver = looks >= LOOKS_IN_A_LIMIT * LONGEST_ANSWER_IN_LIMITS;
    if (isOver || silentLooks >= LOOKS_IN_A_LIMIT) socket.destroy();
  }, timeoutMs / LOOKS_IN_A_LIMIT);
}

/** An answer that holds errors is thrown by the library, with the answer in it. */
const answerIn = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "response" in error ? error.response : undefined;

async function optionsOf({ security = {} }: KafkaAccess): Promise<ConnectionOptions> {
  const { tls, sasl } = security;
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    // The calls have their own.
    requestTimeout: MAX_REQUEST_MS,
    maxInflights: 64,
    // Copied for each connection: a renewed certificate is read.
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
      throw new Error("SASL mechanism aws is not offered");
  }
}

const MECHANISMS = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;
