import { execFileSync } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());
const event = JSON.stringify(exampleEvent());

describe("a question", () => {
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${intake.url}${path}`, { redirect: "manual", ...init });

  it.each([
    ["GET", "/api/metrics?node_id=a%20b&limit=5"],
    ["GET", "/api/metrics/aggregated?dimension=region"],
    ["GET", "/api/metrics/cluster"],
    ["GET", "/api/nodes"],
    ["POST", "/api/nodes"],
    ["DELETE", "/api/nodes/probe%2F1"],
  ])("is redirected to the console with its method: %s %s", async (method, path) => {
    intake = await startTestIntake({ environment: { QUERY_URL: "http://127.0.0.1:4000" } });
    const answer = await ask(path, { method, ...(method === "POST" && { body: "{}" }) });
    expect(answer.status).toBe(307);
    expect(answer.headers.get("location")).toBe(`http://127.0.0.1:4000${path}`);
  });

  it("has no route where there is no console", async () => {
    intake = await startTestIntake();
    expect((await ask("/api/nodes")).status).toBe(404);
  });
});

describe("pages of other origins", () => {
  const preflight = (origin: string) =>
    fetch(`${intake.url}/api/push`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });

  it("may not send, by default", async () => {
    intake = await startTestIntake();
    const response = await preflight("https://app.example.net");
    expect(response.status).toBe(405);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("may send if the setting names them, and no others", async () => {
    intake = await startTestIntake({
      environment: { CORS_ORIGINS: "https://app.example.net, https://b.example.net" },
    });
    const allowed = await preflight("https://app.example.net");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example.net");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("X-Batch-ID");
    expect((await preflight("https://evil.example.net")).status).toBe(405);
    const sent = await intake.post("/api/push", exampleEvent(), {
      origin: "https://b.example.net",
    });
    expect(sent.status).toBe(202);
    expect(sent.headers.get("access-control-allow-origin")).toBe("https://b.example.net");
    expect(sent.headers.get("vary")).toBe("Origin");
  });

  // Its name leads here once the page is loaded (DNS rebinding): for its browser it is no other origin, and asks nothing.
  it("may not send with AUTH_MODE=open, whatever host name resolves to the gateway", async () => {
    intake = await startTestIntake({ environment: { CORS_ORIGINS: "https://b.example.net" } });
    const page = "evil.example.net:8000";
    const post = (origin: string) =>
      intake.raw(
        `POST /api/push HTTP/1.1\r\nHost: ${page}\r\nOrigin: ${origin}\r\nContent-Type: application/json\r\n` +
          `Connection: close\r\nContent-Length: ${event.length}\r\n\r\n${event}`,
      );
    for (const origin of [`http://${page}`, "null"]) {
      expect(await post(origin)).toMatch(/^HTTP\/1.1 403 .*"code":"ORIGIN_NOT_ALLOWED"/s);
    }
    expect(intake.produced).toEqual([]);
    expect(await post("https://b.example.net")).toMatch(/^HTTP\/1.1 202 /);
  });
});

describe("Server-Timing", () => {
  it("reports the duration of each step if the sender asks for it", async () => {
    intake = await startTestIntake();
    const asked = await intake.post("/api/push", exampleEvent(), { "x-fiber-timing": "1" });
    expect(asked.headers.get("server-timing")).toMatch(
      /^auth;dur=[\d.]+, body;dur=[\d.]+, check;dur=[\d.]+, kafka;dur=[\d.]+$/,
    );
    const unasked = await intake.post("/api/push", exampleEvent());
    expect(unasked.headers.get("server-timing")).toBeNull();
  });
});

describe("a browser", () => {
  it("takes no answer for anything but what it is, and shows none in a frame", async () => {
    intake = await startTestIntake();
    const pages = ["/docs", "/docs/topics", "/openapi.json", "/api/status", "/nowhere", "/%"];
    const answers = await Promise.all([
      ...pages.map((path) => intake.get(path)),
      intake.post("/api/push", "{"),
    ]);
    for (const { headers } of answers)
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    for (const { headers } of answers.slice(0, pages.length)) {
      const policy = headers.get("content-security-policy");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.has("strict-transport-security")).toBe(false);
    }
    expect(await intake.raw("no HTTP\r\n\r\n")).toContain(
      "\r\nX-Content-Type-Options: nosniff\r\n",
    );
  });
});

describe("TLS", () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  const makeCertificate = (name: string, days: number) => {
    const kind =
      `-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days ${days}`.split(" ");
    const files = ["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`)];
    const parameters = ["req", ...kind, ...files, "-subj", `/CN=${name}`];
    execFileSync("openssl", parameters, { stdio: "ignore" });
  };
  const use = (name: string) => {
    copyFileSync(file(`${name}.crt`), file("tls.crt"));
    copyFileSync(file(`${name}.key`), file("tls.key"));
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "fiberstream-tls-"));
    makeCertificate("one", 1);
    makeCertificate("two", 20);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const nameOnCertificate = async (): Promise<unknown> => {
    const port = Number(new URL(intake.url).port);
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const certificate: PeerCertificate = socket.getPeerCertificate();
    socket.destroy();
    return certificate.subject.CN;
  };

  const withTls = () => ({ TLS_CERT_FILE: file("tls.crt"), TLS_KEY_FILE: file("tls.key") });

  const daysToEnd = async () => {
    const line = /^fiberstream_gateway_certificate_not_after_timestamp_seconds (\S+)$/m;
    const endSeconds = Number(line.exec(await intake.metrics())?.[1]);
    return (endSeconds * 1_000 - Date.now()) / 86_400_000;
  };

  it("uses the certificate of the files, and a new one after they have changed", async () => {
    use("one");
    intake = await startTestIntake({
      environment: { ...withTls(), MAX_HANDSHAKES_PER_ADDRESS: "100000" },
    });
    expect(await nameOnCertificate()).toBe("one");
    expect(await daysToEnd()).toBeCloseTo(1, 1);
    use("two");
    while ((await nameOnCertificate()) !== "two") await new Promise(setImmediate);
    expect(await daysToEnd()).toBeCloseTo(20, 1);
  });

  it("of versions before 1.2 and with weak ciphers is refused, also after a reload", async () => {
    use("one");
    intake = await startTestIntake({
      environment: { ...withTls(), MAX_HANDSHAKES_PER_ADDRESS: "100000" },
    });
    const at = { port: Number(new URL(intake.url).port), host: "127.0.0.1" };
    const protocolOf = async (
      maxVersion: "TLSv1.1" | "TLSv1.2" | "TLSv1.3",
      ciphers = "DEFAULT@SECLEVEL=0",
    ) => {
      const socket = connect({
        ...at,
        minVersion: "TLSv1",
        maxVersion,
        ciphers,
        rejectUnauthorized: false,
      });
      const protocol = await once(socket, "secureConnect").then(
        () => socket.getProtocol(),
        () => "refused",
      );
      socket.destroy();
      return protocol;
    };
    const expectStrong = async () => {
      expect(await protocolOf("TLSv1.3")).toBe("TLSv1.3");
      expect(await protocolOf("TLSv1.2")).toBe("TLSv1.2");
      expect(await protocolOf("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")).toBe("TLSv1.2");
      expect(await protocolOf("TLSv1.2", "ECDHE-ECDSA-AES128-SHA256")).toBe("refused");
      expect(await protocolOf("TLSv1.1")).toBe("refused");
    };
    await expectStrong();
    use("two");
    while ((await nameOnCertificate()) !== "two") await new Promise(setImmediate);
    await expectStrong();
  });

  it("is what browsers keep to once they have used it", async () => {
    use("one");
    intake = await startTestIntake({ environment: withTls() });
    const at = { port: Number(new URL(intake.url).port), host: "127.0.0.1" };
    const asked = request({ ...at, path: "/api/status", rejectUnauthorized: false }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    expect(answer.headers["strict-transport-security"]).toBe("max-age=63072000; includeSubDomains");
  });

  it("limits the handshakes of each address, not those of others", async () => {
    use("one");
    intake = await startTestIntake({
      environment: { ...withTls(), MAX_HANDSHAKES_PER_ADDRESS: "1" },
    });
    const port = Number(new URL(intake.url).port);
    const isMade = async (localAddress: string) => {
      const at = { port, host: "127.0.0.1", localAddress, rejectUnauthorized: false };
      const socket = connect(at);
      const isSecured = await once(socket, "secureConnect").then(
        () => true,
        () => false,
      );
      socket.destroy();
      return isSecured;
    };
    const made = [];
    for (let count = 0; count < 10; count++) made.push(await isMade("127.0.0.2"));
    expect(made).toEqual(Array(10).fill(true));
    // Begun together, because the rate allows a further one each second.
    const further = await Promise.all(Array.from({ length: 50 }, () => isMade("127.0.0.2")));
    const dropped = further.filter((isSecured) => !isSecured).length;
    expect(dropped).toBeGreaterThan(0);
    expect(await intake.metrics()).toMatch(
      new RegExp(`^fiberstream_gateway_connections_dropped_total(\\{.*\\})? ${dropped}$`, "m"),
    );
    expect(await isMade("127.0.0.3")).toBe(true);
  });

  it("needs both files, and reports a missing one", async () => {
    use("one");
    const environment = { TLS_CERT_FILE: file("tls.crt") };
    await expect(startTestIntake({ environment })).rejects.toThrow(/must be set together/);
    await expect(
      startTestIntake({ environment: { ...environment, TLS_KEY_FILE: file("missing") } }),
    ).rejects.toThrow(/cannot read the certificate/);
  });
});
