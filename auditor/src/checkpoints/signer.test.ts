import { chainStart } from "@fiberstream/audit/checkpoints/follow-chain";
import { createSigningKeyPem, signingKeyOf } from "@fiberstream/audit/checkpoints/signing-keys";
import { createLog } from "@fiberstream/runtime/log";
import { expect, it } from "@jest/globals";
import { createSigner } from "./signer.ts";

const create = () =>
  createSigner({
    origin: "example/audit",
    key: signingKeyOf(createSigningKeyPem(), "example/audit"),
    intervalMs: 1,
    store: () => Promise.resolve(),
    metrics: { countCheckpoint: () => undefined, countContradiction: () => undefined },
    log: createLog({ service: "test", level: "silent", format: "json" }),
  });

it("does not go on after checkpoints that end before what it has signed", async () => {
  const signer = create();
  signer.resume({ size: 0, timeMs: -Infinity });
  await signer.signIfDue({ ...chainStart(), seq: 7 });
  signer.resume({ size: 7, timeMs: -Infinity });
  expect(() => signer.resume({ size: 0, timeMs: -Infinity })).toThrow(
    "this process has signed 7 entries, but the largest checkpoint in Kafka and the file has 0",
  );
});

it("lets entries wait from when they are known, before they are published", async () => {
  const signer = create();
  signer.resume({ size: 0, timeMs: -Infinity });
  expect(signer.unsignedSeconds()).toBe(0);
  signer.noteEntries(3);
  expect(signer.unsignedSeconds()).toBeGreaterThan(0);
  await signer.signIfDue({ ...chainStart(), seq: 3 });
  expect(signer.unsignedSeconds()).toBe(0);
});
