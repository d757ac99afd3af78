import { fileURLToPath } from "node:url";
import { auditDependencies } from "./audit-dependencies.ts";

const MAX_WAIT_MS = 30_000;

// `npm run audit`: a registry without an answer is no fault of a change, so it only costs a sentence.
const audit = await auditDependencies({
  maxWaitMs: MAX_WAIT_MS,
  root: fileURLToPath(new URL("../../../", import.meta.url)),
});
switch (audit.kind) {
  case "clean":
    console.log("No dependency has a known vulnerability of severity high or above.");
    break;
  case "unanswered":
    console.warn(
      `Warning: dependencies were NOT checked for known vulnerabilities: the package registry cannot be asked (${audit.reason}). ` +
        "Run `npm audit` against a registry that has this service.",
    );
    break;
  case "vulnerable":
    console.error(
      `Known vulnerabilities of severity high or above: ${audit.packages.join(", ")}.\n` +
        "`npm audit` describes them; `npm update <package>` installs the repaired version.",
    );
    process.exitCode = 1;
    break;
}
