import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signingKeyOf, verifierText } from "@fiberstream/audit/checkpoints/signing-keys";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { auditKeygenCommand } from "./keygen.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keygen-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const keygen = (origin: string, out: string) =>
  auditKeygenCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parseAsync(["--origin", origin, "--out", out], { from: "user" });

it("creates a key that only its owner can read, and its public key", async () => {
  const out = join(folder, "key.pem");
  await keygen("example/audit", out);
  expect(statSync(out).mode & 0o777).toBe(0o600);
  const { verifier } = signingKeyOf(readFileSync(out, "utf8"), "example/audit");
  expect(readFileSync(`${out}.pub`, "utf8")).toBe(`${verifierText(verifier)}\n`);

  await expect(keygen("example/audit", out)).rejects.toThrow("exists already");
  expect(signingKeyOf(readFileSync(out, "utf8"), "example/audit").verifier.keyId).toBe(
    verifier.keyId,
  );
  await expect(keygen("a name", join(folder, "other"))).rejects.toThrow("no spaces");
});
