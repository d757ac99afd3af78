import type { LoadMessage, LoadPlan } from "./load-plan.ts";
import { sendLoad } from "./send-load.ts";

// A separate process, so that its CPU time can be measured; forked with a LoadPlan as JSON.
const plan = JSON.parse(process.argv[2] ?? "{}") as LoadPlan;
const send = (message: LoadMessage) => void process.send?.(message);
send({ kind: "result", result: await sendLoad(plan, send) });
process.disconnect();
