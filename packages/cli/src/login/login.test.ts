import { hash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { consoleAt } from "./console-calls.ts";
import { credentialsPath } from "./config.ts";
import {
  type Credentials,
  deleteCredentials,
  readCredentials,
  writeCredentials,
} from "./credentials-file.ts";
import { logIn } from "./log-in.ts";

const CREDENTIALS: Credentials = {
  console: "https://console.example",
  token: "fs_token",
  tokenId: "token-1",
  expiresAt: "2026-12-28T00:00:00Z",
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fiberstream-login-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the file of fiber login", () => {
  it("is in the user's configuration folder, and only its owner may read it", () => {
    const path = credentialsPath({ XDG_CONFIG_HOME: folder });
    expect(readCredentials(path)).toBeUndefined();
    writeCredentials(path, { ...CREDENTIALS, token: "older" });
    writeCredentials(path, CREDENTIALS);
    expect(path).toBe(join(folder, "fiberstream", "credentials.json"));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "fiberstream")).mode & 0o777).toBe(0o700);
    expect(readCredentials(path)).toEqual(CREDENTIALS);
    deleteCredentials(path);
    expect(readCredentials(path)).toBeUndefined();
    expect(credentialsPath({})).toContain("/.config/fiberstream/");
  });

  it("is named when it is of another form", () => {
    const path = join(folder, "credentials.json");
    writeFileSync(path, "{}");
    expect(() => readCredentials(path)).toThrow(`${path} is not a file of \`fiber login\``);
  });
});

describe("the address of a console", () => {
  it.each(["http://console.example", "ftp://console.example", "console.example", ""])(
    "is not %s, where others would see the token",
    (address) => expect(() => consoleAt(address)).toThrow(/https:\/\//),
  );
  it.each([
    "http://localhost:4000",
    "http://127.0.0.1:4000",
    "http://[::1]:4000",
    "https://a.example/x",
  ])("may be %s", (address) => expect(consoleAt(address).origin).toBe(new URL(address).origin));
});

describe("fiber login", () => {
  let server: Server;
  let url: string;
  let asked: { code: string; verifier: string } | undefined;
  beforeEach(async () => {
    server = createServer((request, response) => {
      void json(request).then((body) => {
        asked = body as typeof asked;
        const data = { token: "fs_token", token_id: "token-1", expires_at: CREDENTIALS.expiresAt };
        response.end(JSON.stringify({ data }));
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  it("takes the code of the browser that it has sent to the console, and no other", async () => {
    const shown = Promise.withResolvers<URL>();
    const signedIn = logIn({
      console: url,
      isPasted: false,
      say: (text) => shown.resolve(new URL(/http\S+/.exec(text)?.[0] ?? "")),
    });
    const page = await shown.promise;
    expect(page.pathname).toBe("/sign-in/fiber");
    const { port = "", state = "", challenge } = Object.fromEntries(page.searchParams);
    const back = (query: string) => fetch(`http://127.0.0.1:${port}/?${query}`);
    for (const foreign of ["code=evil", "code=evil&state=x", `state=${state}`]) {
      expect((await back(foreign)).status).toBe(404);
    }
    const answer = await back(`code=good&state=${state}`);
    expect(await answer.text()).toContain("You are signed in");
    expect(await signedIn).toEqual({ ...CREDENTIALS, console: url });
    expect(asked?.code).toBe("good");
    expect(hash("sha256", asked?.verifier ?? "", "base64url")).toBe(challenge);
    await expect(back("")).rejects.toThrow();
  });
});
