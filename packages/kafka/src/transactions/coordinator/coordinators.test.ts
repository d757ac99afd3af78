import { expect, it } from "@jest/globals";
import type { Api, BrokerAddress, Connections } from "../../broker/connections.ts";
import { createCoordinators } from "./coordinators.ts";

/** Asks a coordinator that is another broker each time it is looked up. */
function askThem({ fails = () => false }: { fails?: () => boolean } = {}) {
  let lookUps = 0;
  let nowMs = 1_000;
  const asked: string[] = [];
  const call = async ({ host }: BrokerAddress) => {
    asked.push(host);
    if (fails()) throw new Error("no answer");
    return { errorCode: 0 };
  };
  const connections: Pick<Connections, "call" | "coordinator"> = {
    coordinator: async () => ({ host: `broker-${++lookUps}`, port: 9092 }),
    call: call as unknown as Connections["call"],
  };
  const coordinators = createCoordinators(connections, () => nowMs);
  const ask = (trustForMs?: number) =>
    coordinators.ask(
      { kind: "group", key: "g", channel: "positions", trustForMs },
      {} as Api<[], { errorCode: number }>,
      ({ errorCode }) => [errorCode],
    );
  return { ask, asked, passMs: (ms: number) => (nowMs += ms) };
}

it("is looked up again for a request that does not trust an answer of some seconds ago", async () => {
  const { ask, asked, passMs } = askThem();
  await ask(2_000);
  passMs(2_000);
  await ask(2_000);
  passMs(2_001);
  await ask();
  expect(asked).toEqual(["broker-1", "broker-1", "broker-1"]);
  passMs(2_001);
  await ask(2_000);
  await ask();
  expect(asked.slice(3)).toEqual(["broker-2", "broker-2"]);
});

it("is looked up again after a request without an answer", async () => {
  let isAway = true;
  const { ask, asked } = askThem({ fails: () => isAway });
  await expect(ask()).rejects.toThrow("no answer");
  isAway = false;
  await ask();
  expect(asked).toEqual(["broker-1", "broker-2"]);
});
