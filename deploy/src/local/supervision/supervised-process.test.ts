import type { Started } from "@fiberstream/local-stack/backing-services";
import { describe, expect, it } from "@jest/globals";
import { until } from "@fiberstream/testkit/until";
import { createSupervisedProcess } from "./supervised-process.ts";

/** Returns a supervised process whose nth start does what the nth entry does. */
const scripted = (starts: (() => Promise<Started>)[]) => {
  const printed: string[] = [];
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
    say: (line) => printed.push(line),
    onChange: () => undefined,
  });
  return { supervised, printed, begun: () => begun };
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
  it("starts once, however often start is called", async () => {
    const { supervised, begun } = scripted([running(1).start]);
    await Promise.all([supervised.start(), supervised.start()]);
    expect(begun()).toBe(1);
    expect(supervised.status()).toMatchObject({ state: "up", pid: 1, restarts: 0 });
  });

  it("is restarted when it exits unexpectedly, also when a restart fails", async () => {
    const first = running(1);
    const failing = () => Promise.reject(new Error("port is taken"));
    const { supervised, printed } = scripted([first.start, failing, running(3).start]);
    await supervised.start();
    first.end("code 1");
    await until(() => supervised.status().pid === 3, { what: "the third start is up" });
    expect(supervised.status()).toMatchObject({ state: "up", restarts: 2 });
    expect(printed).toEqual([
      expect.stringMatching(
        /^sink-writer exited unexpectedly \(code 1\), restarting it in \d+ ms$/,
      ),
      expect.stringMatching(/^sink-writer did not start \(port is taken\), restarting it/),
      "sink-writer is up again",
    ]);
  });

  it("stays down once it is stopped", async () => {
    const first = running(1);
    const { supervised, printed, begun } = scripted([first.start]);
    await supervised.start();
    await supervised.stop();
    expect(supervised.status().state).toBe("stopped");
    expect(printed).toEqual([]);
    expect(begun()).toBe(1);
  });

  it("ends its pause between attempts when it is stopped", async () => {
    const first = running(1);
    const { supervised, begun } = scripted([first.start]);
    await supervised.start();
    first.end("SIGKILL");
    await until(() => supervised.status().state === "restarting", { what: "it is restarting" });
    await supervised.stop();
    expect(begun()).toBe(1);
  });

  it("stops a process that was started while stop was called", async () => {
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
