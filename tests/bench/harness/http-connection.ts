import { connect, type Socket } from "node:net";

export type HttpConnection = {
  readonly send: (request: Buffer) => void;
  readonly close: () => void;
  readonly closed: Promise<unknown>;
};

/**
 * Opens a connection that sends requests one after the other, and reads answers by their Content-Length. A full HTTP
 * client would use more CPU than the gateway.
 *
 * @param onAnswer called with the status and body of each answer; may send the next request
 */
export function openHttpConnection(
  { host, port }: { host: string; port: number },
  onAnswer: (connection: HttpConnection, status: string, body: string) => void,
): Promise<HttpConnection> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host, port, noDelay: true });
    const connection: HttpConnection = {
      send: (request) => void socket.write(request),
      close: () => void socket.destroy(),
      closed: new Promise((gone) => void socket.once("close", gone)),
    };
    let received = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text;
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (received.length < end) return;
      const status = received.slice(9, 12);
      const body = received.slice(headEnd + 4, end);
      received = received.slice(end);
      onAnswer(connection, status, body);
    });
    socket.once("connect", () => resolve(connection)).on("error", reject);
  });
}
