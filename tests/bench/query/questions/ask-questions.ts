import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { cpuSecondsOf } from "../../harness/process-cost.ts";
import { type Quantiles, quantilesOf } from "../../harness/quantiles.ts";
import type { BenchService } from "../../harness/service.ts";
import type { Value } from "./compare-answers.ts";
import type { Question } from "./questions.ts";

/** The figures of one question. */
export type Asked = {
  readonly name: string;
  readonly aimMs: number | undefined;
  /** From the request to the last byte of the answer. */
  readonly answer: Quantiles;
  /** CPU of an answer, which other work on the machine affects less than its time. */
  readonly cpuMs: { readonly postgres: number; readonly console: number };
  /** Bytes of the first answer. */
  readonly bytes: number;
  /** The same with plain SQL on the rows, which is asked less often. */
  readonly sql: Quantiles;
  readonly differences: readonly string[];
};

/** The first answers are slower: plans, connections and pages are not in memory yet. */
const WARM_UPS = 5;
/** So many answers are compared with the rows, or fewer if the rows take longer than the time. */
const COMPARED = 10;
const COMPARE_FOR_MS = 60_000;
/** A question with pauses is asked less often. */
const PAUSED_SHARE = 5;

/** Asks a question again and again, one request after the other, and compares the first answers with the rows. */
export async function askQuestion(
  question: Question,
  options: {
    console: BenchService;
    postgresPid: number;
    sql: Client;
    repeats: number;
  },
): Promise<Asked> {
  const { console: service, postgresPid, sql, repeats: wanted } = options;
  const { url } = service;
  const cpuOf = () => ({ postgres: cpuSecondsOf(postgresPid), console: cpuSecondsOf(service.pid) });
  const { pauseMs = 0 } = question;
  const repeats = pauseMs === 0 ? wanted : Math.ceil(wanted / PAUSED_SHARE);
  for (let turn = 0; turn < Math.min(WARM_UPS, repeats); turn++) {
    await answerOf(url + question.at(repeats + turn).path);
  }
  const before = cpuOf();
  const answersMs: number[] = [];
  const bodies: Buffer[] = [];
  for (let turn = 0; turn < repeats; turn++) {
    await delay(pauseMs);
    const begunMs = performance.now();
    const body = await answerOf(url + question.at(turn).path);
    answersMs.push(performance.now() - begunMs);
    if (turn < COMPARED) bodies.push(body);
  }
  const after = cpuOf();
  const cpuMs = {
    postgres: ((after.postgres - before.postgres) * 1_000) / repeats,
    console: ((after.console - before.console) * 1_000) / repeats,
  };

  const sqlMs: number[] = [];
  const differences: string[] = [];
  const compareUntilMs = performance.now() + COMPARE_FOR_MS;
  for (const [turn, bytes] of bodies.entries()) {
    if (turn > 0 && performance.now() > compareUntilMs) break;
    const asked = question.at(turn);
    const body: unknown = JSON.parse(bytes.toString());
    const { text, values } = asked.sql(body);
    const begunMs = performance.now();
    const { rows } = await sql.query<Record<string, Value>>(text, [...values]);
    sqlMs.push(performance.now() - begunMs);
    differences.push(...asked.compare(body, rows).map((what) => `${asked.path}: ${what}`));
  }
  return {
    name: question.name,
    aimMs: question.aimMs,
    answer: quantilesOf(answersMs),
    cpuMs,
    bytes: bodies[0]?.length ?? 0,
    sql: quantilesOf(sqlMs),
    differences,
  };
}

async function answerOf(url: string): Promise<Buffer> {
  const response = await fetch(url);
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${body.toString()}`);
  return body;
}
