import { Readable } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { boundPieces } from "../http/bound-pieces.ts";
import { receiveBytes } from "./receive-bytes.ts";

describe("receiveBytes", () => {
  it("ends only after the body's last bytes were taken", async () => {
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

  it("passes on together what has arrived while the bytes before were processed", async () => {
    const request = new Readable({ read: () => undefined });
    const taken: number[] = [];
    const received = receiveBytes(request, {
      minBytesPerSecond: 0,
      take: async (piece) => {
        taken.push(piece.length);
        if (taken.length > 1) return;
        await new Promise(setImmediate);
        // Each would be a trip to the thread pool of its own: 400,000 took 20 s.
        for (let chunk = 0; chunk < 1_000; chunk++) request.push("x");
        request.push(null);
      },
    });
    request.push("[");
    await received;
    expect(taken).toEqual([1, 1_000]);
  });

  it("refuses very many small pieces, each of which is as much work as a large one", async () => {
    const request = new Readable({ read: () => undefined });
    boundPieces(request, { isWaiting: () => false });
    let taken = 0;
    const received = receiveBytes(request, {
      minBytesPerSecond: 0,
      take: ({ length }) => void (taken += length),
    });
    for (let piece = 0; piece < 20_000; piece++) request.push("x");
    expect(request.readableLength).toBeLessThanOrEqual(1_000);
    await expect(received).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(taken).toBeLessThanOrEqual(1_000);
    // Also when they were there before anyone read them.
    await expect(
      receiveBytes(request, { minBytesPerSecond: 0, take: () => undefined }),
    ).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });
});
