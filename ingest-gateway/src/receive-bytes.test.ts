import { Readable } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { receiveBytes } from "./receive-bytes.ts";

describe("receiveBytes", () => {
  it("has not received a body before its last bytes have been taken", async () => {
    const request = new Readable({ read: () => undefined });
    const taken: string[] = [];
    const received = receiveBytes(request, {
      minBytesPerSecond: 0,
      take: async (piece) => {
        // All of it is there while the first bytes are still worked on.
        request.push(null);
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
        taken.push(String(piece));
      },
    });
    request.push("all");
    await received;
    expect(taken).toEqual(["all"]);
  });

  it("hands on together what has come in while the bytes before were worked on", async () => {
    const request = new Readable({ read: () => undefined });
    const taken: number[] = [];
    const received = receiveBytes(request, {
      minBytesPerSecond: 0,
      take: async (piece) => {
        taken.push(piece.length);
        if (taken.length > 1) return;
        // Each would be a trip to the thread pool of its own: 400,000 took 20 s.
        for (let chunk = 0; chunk < 1_000; chunk++) request.push("x");
        request.push(null);
        await new Promise(setImmediate);
      },
    });
    request.push("[");
    await received;
    expect(taken).toEqual([1, 1_000]);
  });
});
