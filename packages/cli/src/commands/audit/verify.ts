import type { Finding } from "@fiberstream/audit/log/verify-entries";
import { type Verification, verifyLog } from "@fiberstream/audit/log/verify-log";
import { messageOf } from "@fiberstream/runtime/errors";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { say, sayAside } from "@fiberstream/terminal/say";
import { Command } from "commander";
import { withPool } from "../../tables/with-pool.ts";

type Options = { readonly from: number; readonly json: boolean };

/** `fiber audit verify` */
export const auditVerifyCommand = (): Command =>
  new Command("verify")
    .description("verify each entry of the audit log, and name the first one that is wrong")
    .option(
      "--from <number>",
      "begin with this entry, and trust the one before it",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
      1,
    )
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
Each entry is checked by these guards:
  sequence  the numbers have no gap
  chain     the hash before it is that of the entry before it
  bytes     its hash is that of its bytes, which are JSON by RFC 8785
  columns   the columns say what the bytes say
  clock     its time is not before that of the entry before it
A log that was cut at its end, or built again as a whole, is right by itself: compare the last hash with one that you have kept elsewhere.
The exit code is 1 if an entry is wrong, and 2 if the log could not be verified. More: docs/audit.md.

Examples:
  npm run fiber -- audit verify
  npm run fiber -- audit verify --from 120000 --json
`;

async function run({ from, json }: Options): Promise<void> {
  const progress = showProgress("{seq} of {newest} entries");
  try {
    const verification = await withPool((pool) =>
      verifyLog(pool, {
        from,
        onVerified: (entries, newest) => {
          const seq = entries.at(-1)?.seq ?? from;
          progress.show(seq - from + 1, newest - from + 1, { seq, newest });
        },
      }),
    ).finally(progress.end);
    say(json ? `${JSON.stringify(shown(verification))}\n` : render(verification));
    if (verification.findings.length > 0) process.exitCode = 1;
  } catch (error) {
    sayAside(`fiber: the audit log could not be verified: ${messageOf(error)}\n`);
    process.exitCode = 2;
  }
}

const shown = ({ last, ...rest }: Verification) => ({
  ...rest,
  last: last === undefined ? null : { seq: last.seq, hash: last.hash.toString("hex") },
});

function render({ from, entries, last, findings }: Verification): string {
  const right =
    last === undefined
      ? "no entry was verified\n"
      : `${entries} entries are right, from ${from} to ${last.seq}, whose hash is ${last.hash.toString("hex")}\n`;
  return findings.map(renderFinding).join("") + right;
}

const renderFinding = ({ guard, seq, message }: Finding): string =>
  `entry ${seq} is wrong, by the guard ${guard}: ${message}\n`;
