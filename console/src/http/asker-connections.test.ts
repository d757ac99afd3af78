import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type AskerConnections, createAskerConnections } from "./asker-connections.ts";

let server: Server;
let connections: AskerConnections;
let closed: string[];
const served: Socket[] = [];
const opened: Socket[] = [];
beforeEach(async () => {
  closed = [];
  connections = createAskerConnections({
    maxConnections: 3,
    countClosed: (why) => closed.push(why),
  });
  server = createServer((socket) => {
    served.push(socket.resume().on("error", () => undefined));
    connections.opened(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  for (const socket of [...served.splice(0), ...opened.splice(0)]) socket.destroy();
  server.close();
});

/** @returns the server's side */
const open = async (): Promise<Socket> => {
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  opened.push(socket.on("error", () => undefined).resume());
  return (await accepted)[0];
};

describe("connections on which nobody has shown a key", () => {
  it("make room for newer ones, the oldest first, and those with a key stay", async () => {
    const [withKey, first] = [await open(), await open()];
    connections.admitted(withKey);
    expect([connections.isAdmitted(withKey), connections.isAdmitted(first)]).toEqual([true, false]);
    const [second, third] = [await open(), await open()];
    const all = [withKey, first, second, third];
    expect(all.map(({ destroyed }) => destroyed)).toEqual([false, true, false, false]);
    expect(closed).toEqual(["unknown"]);
    for (const connection of [second, third]) connections.admitted(connection);
    const refused = await open();
    expect([refused, ...all].map(({ destroyed }) => destroyed)).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(closed).toEqual(["unknown", "full"]);
  });
});

describe("an asker", () => {
  it("has gone when its connection is closed", async () => {
    const connection = await open();
    const gone = connections.gone(connection);
    expect(connections.gone(connection)).toBe(gone);
    expect(gone.aborted).toBe(false);
    opened[0]?.destroy();
    await once(gone, "abort");
    expect(gone.reason).toHaveProperty("name", "AskerGone");
    expect(connections.gone(connection).aborted).toBe(true);
  });
});
