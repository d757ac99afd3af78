import type { OutsideReport } from "@fiberstream/audit/checkpoints/outside-checks";
import { type Verification, verifyLog } from "@fiberstream/audit/log/verify-log";
import { messageOf } from "@fiberstream/runtime/errors";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { say, sayAside } from "@fiberstream/terminal/say";
import { Command } from "commander";
import { withPool } from "../../tables/with-pool.ts";
import { addOutsideOptions, type OutsideOptions, withOutsideChecks } from "./outside-options.ts";

type Options = OutsideOptions & { readonly from: number; readonly json: boolean };

/** `fiber audit verify` */
export const auditVerifyCommand = (): Command =>
  addOutsideOptions(new Command("verify"))
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
A log that was cut at its end, or built again as a whole, is right by itself. These guards compare it with what others have of it:
  signature   a checkpoint is signed by a key of --key, or by none
  checkpoint  the log has all entries that were signed, unchanged
  clock       no entry is older than a checkpoint that was signed before it
  copy        Kafka has the same entries
Without them, compare the last hash with one that you have kept elsewhere.
The exit code is 1 if an entry is wrong, and 2 if the log could not be verified. More: docs/audit.md.

Examples:
  npm run fiber -- audit verify
  npm run fiber -- audit verify --from 120000 --json
  npm run fiber -- audit verify --checkpoints kafka --against kafka --key auditor.pem.pub
  npm run fiber -- audit verify --checkpoints file:checkpoints.jsonl --key auditor.pem.pub
`;

async function run({ from, json, ...outside }: Options): Promise<void> {
  const progress = showProgress("{seq} of {newest} entries");
  try {
    const { verification, report } = await withOutsideChecks(
      { ...outside, from },
      async (checks) => {
        const verified = await withPool((pool) =>
          verifyLog(pool, {
            from,
            onVerified: (entries, newest) => {
              checks?.add(entries);
              const seq = entries.at(-1)?.seq ?? from;
              progress.show(seq - from + 1, newest - from + 1, { seq, newest });
            },
          }),
        );
        const isWhole = (verified.last?.seq ?? 0) === verified.newest;
        return { verification: verified, report: checks?.end({ isWhole }) };
      },
    ).finally(progress.end);
    say(json ? `${JSON.stringify(shown(verification, report))}\n` : render(verification, report));
    const found = verification.findings.length + (report?.findings.length ?? 0);
    if (found > 0) process.exitCode = 1;
  } catch (error) {
    sayAside(`fiber: the audit log could not be verified: ${messageOf(error)}\n`);
    process.exitCode = 2;
  }
}

const shown = ({ last, findings, ...rest }: Verification, report: OutsideReport | undefined) => ({
  ...rest,
  findings: [...findings, ...(report?.findings ?? [])],
  last: last === undefined ? null : { seq: last.seq, hash: last.hash.toString("hex") },
  ...(report?.checkpoints && { checkpoints: report.checkpoints }),
  ...(report?.copy && { copy: report.copy }),
});

function render(
  { from, entries, last, findings }: Verification,
  report: OutsideReport | undefined,
): string {
  const right =
    last === undefined
      ? "no entry was verified\n"
      : `${entries} entries are right, from ${from} to ${last.seq}, whose hash is ${last.hash.toString("hex")}\n`;
  const found = [...findings, ...(report?.findings ?? [])];
  return found.map(renderFinding).join("") + right + renderReport(report);
}

type AnyFinding = { readonly guard: string; readonly seq?: number; readonly message: string };

const renderFinding = ({ guard, seq, message }: AnyFinding): string =>
  seq === undefined
    ? `found by the guard ${guard}: ${message}\n`
    : `entry ${seq} is wrong, by the guard ${guard}: ${message}\n`;

function renderReport(report: OutsideReport | undefined): string {
  const { checkpoints, copy } = report ?? {};
  const signed =
    checkpoints &&
    `compared with ${checkpoints.number} checkpoints, which have signed ${checkpoints.signedEntries} entries\n`;
  const copied =
    copy &&
    `compared with the copy in Kafka: ${copy.copied} entries, ${copy.repeats} repeats, ${copy.waiting} not published yet\n`;
  return `${signed ?? ""}${copied ?? ""}`;
}
