import { writeFileSync } from "node:fs";
import {
  createSigningKeyPem,
  signingKeyOf,
  verifierText,
} from "@fiberstream/audit/checkpoints/signing-keys";
import { say } from "@fiberstream/terminal/say";
import { Command, InvalidArgumentError } from "commander";
import { examples } from "../../options/examples.ts";

type Options = { readonly origin: string; readonly out: string };

/** `fiber audit keygen` */
export const auditKeygenCommand = (): Command =>
  new Command("keygen")
    .description("create a key with which the auditor signs checkpoints, and its public key")
    .requiredOption(
      "--origin <name>",
      "the auditor's AUDIT_ORIGIN, a URL without scheme such as fiberstream.example/audit",
      originName,
    )
    .requiredOption("--out <file>", "the file of the private key; <file>.pub gets the public key")
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
The private key is an Ed25519 key in PEM. Keep it from those who administer the console or the database. The public key names the trail;
everybody who verifies the trail needs it. Existing files are not overwritten.
${examples("audit keygen --origin fiberstream.example/audit --out auditor.pem")}`;

function run({ origin, out }: Options): void {
  const pem = createSigningKeyPem();
  const publicKey = verifierText(signingKeyOf(pem, origin).verifier);
  write(out, pem, 0o600);
  write(`${out}.pub`, `${publicKey}\n`, 0o644);
  say(`The private key is in ${out}, and the public key in ${out}.pub:\n${publicKey}\n`);
}

function write(path: string, text: string, mode: number): void {
  try {
    writeFileSync(path, text, { mode, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new Error(`${path} exists already, and is not overwritten`, { cause: error });
  }
}

function originName(text: string): string {
  if (/^[^\s+]{1,200}$/.test(text)) return text;
  throw new InvalidArgumentError("It takes no spaces and no +.");
}
