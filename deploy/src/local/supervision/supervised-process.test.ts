import type { Started } from "@fiberstream/local-stack/backing-services";
import { describe, expect, it } from "@jest/globals";
import { until } from "@fiberstream/testkit/until";
import { createSupervisedProcess } from "./supervised-process.ts";

/** One whose starts are scripted: each entry is what the next start does. */
const scripted = (starts: (() => Promise<Started>)[]) => {
  const said: string[] = [];
  let begun = 0;
  const supervised = createSupervisedProcess({
    name: "sink-writer",
    kind: "service",
    address: "http://127.0.0.1:8030",
    start: async () => {
      const start = starts[begun++];
      if (!start) throw new Error("no more starts were expected");
      return start();
    },
    say: (line) => said.push(line),
    onChange: () => undefined,
  });
  return { supervised, said, begun: () => begun };
};

const running = (pid: number) => {
  const ended = Promise.withResolvers<string>();
  const start = async (): Promise<Started> => ({
    pid,
    ended: ended.promise,
    stop: async () => ended.resolve("SIGTERM"),
  });
  return { start, end: ended.resolve };
};

describe("a supervised process", () => {
  it("starts once, however often it is asked to", async () => {
    const { supervised, begun } = scripted([running(1).start]);
    await Promise.all([supervised.start(), supervised.start()]);
    expect(begun()).toBe(1);
    expect(supervised.status()).toMatchObject({ state: "up", pid: 1, restarts: 0 });
  });

  it("is started again when it ends by itself, also when a start in between fails", async () => {
    const first = running(1);
    const failing = () => Promise.reject(new Error("port is taken"));
    const { supervised, said } = scripted([first.start, failing, running(3).start]);
    await supervised.start();
    first.end("code 1");
    await until(() => supervised.status().pid === 3, { what: "the third start is up" });
    expect(supervised.status()).toMatchObject({ state: "up", restarts: 2 });
    expect(said).toEqual([
      expect.stringMatching(
        /^sink-writer ended by itself \(code 1\), starting it again in \d+ ms$/,
      ),
      expect.stringMatching(/^sink-writer did not start \(port is taken\), starting it again/),
      "sink-writer is up again",
    ]);
  });

  it("stays down once it is stopped", async () => {
    const first = running(1);
    const { supervised, said, begun } = scripted([first.start]);
    await supervised.start();
    await supervised.stop();
    expect(supervised.status().state).toBe("stopped");
    expect(said).toEqual([]);
    expect(begun()).toBe(1);
  });

  it("ends its pause between tries when it is stopped", async () => {
    const first = running(1);
    const { supervised, begun } = scripted([first.start]);
    await supervised.start();
    first.end("SIGKILL");
    await until(() => supervised.status().state === "restarting", { what: "it is restarting" });
    await supervised.stop();
    expect(begun()).toBe(1);
  });

  it("stops what a start that was in flight brought up", async () => {
    const gate = Promise.withResolvers<void>();
    let stopped = false;
    const { supervised } = scripted([
      async () => {
        await gate.promise;
        const ended = new Promise<string>(() => undefined);
        return { ended, stop: async () => void (stopped = true) };
      },
    ]);
    const starting = supervised.start();
    const stopping = supervised.stop();
    gate.resolve();
    await Promise.all([starting, stopping]);
    expect(stopped).toBe(true);
  });
});
