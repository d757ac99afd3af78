import { fileURLToPath } from "node:url";
import { brokenRules } from "./broken-rules.ts";

const broken = brokenRules(fileURLToPath(new URL("../../", import.meta.url)));
for (const line of broken) process.stderr.write(`${line}\n`);
if (broken.length > 0) process.exitCode = 1;
