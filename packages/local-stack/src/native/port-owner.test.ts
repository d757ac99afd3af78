import { type AddressInfo, createServer, type Server } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { portOwner, requireFreePort } from "./port-owner.ts";

let server: Server;
let port: number;
beforeEach(async () => {
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.close();
});

describe("requireFreePort", () => {
  it("names the process that uses the port, and the setting that changes it", async () => {
    const refusal = requireFreePort({ number: port, setting: "REDIS_PORT" });
    await expect(refusal).rejects.toThrow(
      new RegExp(
        `port ${port} is in use by PID ${process.pid} \\(.+\\): stop it, or set REDIS_PORT`,
      ),
    );
  });

  it("accepts a free port", async () => {
    server.close();
    await once(server, "close");
    await requireFreePort({ number: port, setting: "REDIS_PORT" });
    expect(portOwner(port)).toBeUndefined();
  });
});
