import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "@jest/globals";
import { listen } from "./listen.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** @param refused what the system says to `::` */
function newServer(refused?: string): Server {
  const server = createServer((_, response) => response.end("here"));
  servers.push(server);
  const really = server.listen.bind(server) as (port: number, host: string) => Server;
  server.listen = ((port: number, host: string) => {
    if (refused === undefined || host !== "::") return really(port, host);
    process.nextTick(() =>
      server.emit("error", Object.assign(new Error(refused), { code: refused })),
    );
    return server;
  }) as Server["listen"];
  return server;
}

async function reaches(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  await once(socket, "connect");
  socket.destroy();
  return true;
}

const loopbacks = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ internal }) => internal)
  .map(({ address }) => address);

describe("listening on ::", () => {
  it("is listening on every loopback address that there is, of IPv4 and of IPv6", async () => {
    const port = await listen(newServer(), { host: "::", port: 0 });
    expect(loopbacks).toContain("127.0.0.1");
    for (const address of loopbacks) expect(await reaches(address, port)).toBe(true);
  });

  it.each(["EAFNOSUPPORT", "EADDRNOTAVAIL"])(
    "is listening on IPv4 if there is no IPv6: %s",
    async (code) => {
      const port = await listen(newServer(code), { host: "::", port: 0 });
      expect(await reaches("127.0.0.1", port)).toBe(true);
    },
  );

  it("fails with the system's error for another reason", async () => {
    await expect(listen(newServer("EACCES"), { host: "::", port: 0 })).rejects.toThrow("EACCES");
  });
});
