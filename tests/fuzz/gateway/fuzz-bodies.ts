import type { RunningService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { peakRssMb } from "../../bench/harness/process-cost.ts";
import type { RawCounts } from "./count-raw.ts";
import { startHonestSender } from "./honest-sender.ts";
import { acceptedOf, type Documented, faultOf, isGood, readDocumented } from "./judge-answers.ts";
import type { MemoryLimit } from "./memory-limit.ts";
import type { Recipe } from "./recipe.ts";
import type { RequestBytes } from "./request-bytes.ts";
import { startRequestMaker } from "./request-maker.ts";
import { sendRequest } from "./send-request.ts";

export type BodiesReport = {
  readonly requests: number;
  readonly good: number;
  /** Number of answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly honest: string;
  readonly peakRssMb: number;
  /** How often the kernel killed the gateway; undefined if it is not counted. */
  readonly kills: number | undefined;
  readonly findings: readonly string[];
};

/** More connections would only wait for the CPU. */
const CONNECTIONS = 12;
/** Stops after so many findings, because further ones would probably be the same. */
const MAX_FINDINGS = 20;
const REPORT_INTERVAL_MS = 10_000;

/**
 * Sends random requests to a gateway with AUTH_MODE=keys, next to an honest sender. It checks each answer, that the
 * process stays alive and releases its memory, and that accepted events are in Kafka.
 *
 * @param options.only sends only this request of the seed
 */
export async function fuzzBodies(options: {
  gateway: RunningService;
  memory: MemoryLimit;
  megabytes: number;
  tokens: { honest: string; hostile: string };
  seed: number;
  minutes: number;
  only: number | undefined;
  raw: RawCounts;
  say: (line: string) => void;
}): Promise<BodiesReport> {
  const { gateway, memory, megabytes, tokens, seed, minutes, only, raw, say } = options;
  const documented = await readDocumented(gateway.url);
  const maker = startRequestMaker({ seed, token: tokens.hostile });
  const honest = startHonestSender(gateway.url, tokens.honest);
  const findings: string[] = [];
  const statuses: Record<string, number> = {};
  /** The minimal number of events in raw, by request. */
  const acceptedOfRequest = new Map<string, number>();
  const endsAtMs = performance.now() + minutes * 60_000;
  let next = only ?? 1;
  let requests = 0;
  let good = 0;
  const isOver = () =>
    performance.now() >= endsAtMs || findings.length >= MAX_FINDINGS || isDead(gateway.pid);

  const sendNext = async () => {
    const number = next++;
    const { recipe, bytes, nodeId } = await maker.make(number);
    const { sent, fault } = await tryRequest(gateway.url, { recipe, bytes, documented });
    requests++;
    if (isGood(recipe)) good++;
    for (const { status, body, headers } of sent.answers) {
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status !== 202 || headers.has("idempotent-replayed")) continue;
      acceptedOfRequest.set(nodeId, (acceptedOfRequest.get(nodeId) ?? 0) + acceptedOf(body));
    }
    if (fault === undefined) return;
    findings.push(
      `request ${number}: ${fault}\n    ${shown(recipe)}\n    repeat with: --seed ${seed} --only ${number}`,
    );
  };

  const report = () =>
    `${requests} requests, ${findings.length} findings, ${peakRssMb(gateway.pid).toFixed(0)} MB`;
  const saying = setInterval(() => say(`  ${report()}`), REPORT_INTERVAL_MS);
  const send = async () => {
    while (!isOver()) await sendNext();
  };
  try {
    if (only !== undefined) await sendNext();
    else await Promise.all(Array.from({ length: CONNECTIONS }, send));
  } finally {
    clearInterval(saying);
    await maker.end();
    await honest.end();
  }

  const peakMb = peakRssMb(gateway.pid);
  if (isDead(gateway.pid)) findings.push(`the gateway has ended:\n${gateway.logs().slice(-2_000)}`);
  else if (peakMb >= megabytes)
    findings.push(`the gateway used ${peakMb.toFixed(0)} MB of ${megabytes}`);
  const kills = memory.kills();
  if (kills !== undefined && kills > 0)
    findings.push(`the kernel killed the gateway ${kills} times because of memory`);
  if (gateway.logs().includes("unhandled error in request")) {
    findings.push(`the gateway logged an unhandled error:\n${gateway.logs().slice(-2_000)}`);
  }
  findings.push(...honest.faults.slice(0, MAX_FINDINGS));
  if (!isDead(gateway.pid)) findings.push(...(await unreleasedMemory(gateway)));
  findings.push(
    ...(await missingInRaw(raw, { honest: honest.accepted, hostile: acceptedOfRequest })),
  );
  return {
    requests,
    good,
    statuses,
    honest: honest.describe(),
    peakRssMb: peakMb,
    kills,
    findings,
  };
}

async function tryRequest(
  url: string,
  { recipe, bytes, documented }: { recipe: Recipe; bytes: RequestBytes; documented: Documented },
) {
  const { hostname: host, port } = new URL(url);
  const sent = await sendRequest({ host, port: Number(port) }, bytes, recipe);
  return { sent, fault: faultOf(recipe, bytes, { sent, documented }) };
}

const shown = (recipe: Recipe) => {
  const text = JSON.stringify(recipe);
  return text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text;
};

function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** Returns a finding if the gateway does not release the memory of requests after the last answer. */
async function unreleasedMemory(gateway: RunningService): Promise<string[]> {
  const held = async () => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    return Number(/^fiberstream_gateway_buffer_bytes(?:\{.*\})? (\S+)$/m.exec(text)?.[1]);
  };
  try {
    await until(async () => (await held()) === 0, {
      what: "the memory of all requests is released",
    });
    return [];
  } catch {
    return [`${await held()} bytes of finished requests are not released`];
  }
}

/** @param accepted the minimal number of events in raw by request; for honest requests the exact number */
async function missingInRaw(
  raw: RawCounts,
  { honest, hostile }: Record<"honest" | "hostile", ReadonlyMap<string, number>>,
): Promise<string[]> {
  const missing = () =>
    [...honest, ...hostile].filter(([request, count]) => (raw.byRequest.get(request) ?? 0) < count);
  try {
    await until(() => missing().length === 0, {
      what: "all accepted events are in raw",
      timeoutMs: 60_000,
    });
  } catch {
    return [`accepted, but not in raw: ${listed(missing())}`];
  }
  const doubled = [...honest].filter(([request, count]) => raw.byRequest.get(request) !== count);
  return doubled.length === 0 ? [] : [`sent once, but more than once in raw: ${listed(doubled)}`];
}

const listed = (requests: readonly (readonly [string, number])[]) =>
  requests
    .slice(0, 10)
    .map(([request, count]) => `${count} of ${request}`)
    .join(", ");
