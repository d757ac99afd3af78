import { connect } from "node:net";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";

const OPEN_FILES = 128;

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

it("reserves open files for itself when connections would use all of them", async () => {
  const namespace = testNamespace();
  await createTestTopics(namespace);
  const gateway = life.own(
    await startService("ingest-gateway", { NAMESPACE: namespace }, { openFiles: OPEN_FILES }),
    (owned) => owned.kill(),
  );
  expect(gateway.logs()).toContain("open file limit is below MAX_CONNECTIONS");

  const { hostname, port } = new URL(gateway.url);
  const sockets = Array.from({ length: 2 * OPEN_FILES }, () =>
    connect(Number(port), hostname).on("error", () => undefined),
  );
  life.own(sockets, (some) => some.forEach((socket) => socket.destroy()));
  const metrics = async () => (await fetch(`${gateway.adminUrl}/metrics`)).text();
  await until(
    async () =>
      /^fiberstream_gateway_connections_dropped_total(\{.*\})? [1-9]/m.test(await metrics()),
    { what: "the gateway has taken as many as it takes" },
  );
  expect((await fetch(`${gateway.adminUrl}/livez`)).status).toBe(200);

  const open = await until(() => sockets.find(({ closed, connecting }) => !closed && !connecting), {
    what: "a connection was taken",
  });
  let answer = "";
  open.setEncoding("utf8").on("data", (text: string) => (answer += text));
  const body = JSON.stringify(exampleEvent());
  open.write(
    `POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await until(() => answer !== "", { what: "its event is answered" });
  expect(answer).toMatch(/^HTTP\/1.1 202 /);
}, 60_000);
