import type { LoadMessage, LoadPlan } from "./load-plan.ts";
import { sendLoad } from "./send-load.ts";

// A process of its own, so that its CPU time is nobody else's: forked with a LoadPlan as JSON.
const plan = JSON.parse(process.argv[2] ?? "{}") as LoadPlan;
const tell = (message: LoadMessage) => void process.send?.(message);
tell({ kind: "result", result: await sendLoad(plan, tell) });
process.disconnect();
