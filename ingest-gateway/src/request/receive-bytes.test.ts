import { Readable } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { boundPieces } from "@fiberstream/http/bound-pieces";
import { receiveBytes } from "./receive-bytes.ts";

describe("receiveBytes", () => {
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
