import { tlsOptions } from "@fiberstream/runtime/tls-files";
import { Connection, type ConnectionOptions } from "@platformatic/kafka";
import type { KafkaAccess } from "../kafka.ts";
import { brokerError } from "./broker-answer.ts";

export type BrokerAddress = { readonly host: string; readonly port: number };

/** One version of one request, as `@platformatic/kafka` exports them (`fetchV13.api`). */
export type Api<Args extends unknown[], Answer> = {
  async: (connection: Connection, ...args: Args) => Promise<Answer>;
};

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** The limit of a call is for silence. An answer that comes all the time may take this many times as long. */
const LONGEST_ANSWER_IN_LIMITS = 30;
const LOOKS_IN_A_LIMIT = 4;

export type ConnectionPool = {
  call: <Args extends unknown[], Answer>(
    to: BrokerAddress,
    lane: string,
    request: { api: Api<Args, Answer>; timeoutMs?: number },
    ...args: Args
  ) => Promise<Answer>;
  close: () => Promise<void>;
};

/** One connection for each broker and lane, made when it is needed and again after it has broken. */
export function createConnectionPool(access: KafkaAccess): ConnectionPool {
  const connections = new Map<string, Promise<Connection>>();
  let isClosed = false;

  const forget = (key: string, connected: Promise<Connection>) => {
    if (connections.get(key) === connected) connections.delete(key);
  };

  const connect = async ({ host, port }: BrokerAddress, onEnd: () => void) => {
    const connection = new Connection(access.clientId, await optionsOf(access));
    // An error is told by the call that meets it, too; without a listener the process would end.
    connection.on("error", onEnd);
    connection.on("close", onEnd);
    await connection.connect(host, port);
    return connection;
  };

  const connectionTo = (broker: BrokerAddress, lane: string): Promise<Connection> => {
    if (isClosed) throw new Error("the connections are closed");
    const key = `${lane} ${broker.host}:${broker.port}`;
    const open = connections.get(key);
    if (open !== undefined) return open;
    const connected: Promise<Connection> = connect(broker, () => forget(key, connected));
    connections.set(key, connected);
    connected.catch(() => forget(key, connected));
    return connected;
  };

  return {
    call: async (to, lane, { api, timeoutMs = REQUEST_TIMEOUT_MS }, ...args) => {
      const about = `${to.host}:${to.port}`;
      let connection: Connection;
      try {
        connection = await connectionTo(to, lane);
      } catch (error) {
        throw brokerError(error, about);
      }
      const watched = endWhenSilent(connection, timeoutMs);
      try {
        return await api.async(connection, ...args);
      } catch (error) {
        const answer = answerIn(error);
        if (answer !== undefined) return answer as Awaited<ReturnType<typeof api.async>>;
        throw brokerError(error, about);
      } finally {
        clearInterval(watched);
      }
    },

    close: async () => {
      isClosed = true;
      const open = await Promise.allSettled(connections.values());
      for (const one of open) if (one.status === "fulfilled") one.value.socket.destroy();
      connections.clear();
    },
  };
}

/** A fetch of many megabytes over a slow link is no silence: the limit runs anew as long as bytes arrive. */
function endWhenSilent({ socket }: Connection, timeoutMs: number): NodeJS.Timeout {
  let looks = 0;
  let silentLooks = 0;
  let { bytesRead } = socket;
  return setInterval(() => {
    looks++;
    silentLooks = socket.bytesRead === bytesRead ? silentLooks + 1 : 0;
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
