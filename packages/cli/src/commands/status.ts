import { readReadiness } from "@fiberstream/terminal/readiness";
import { renderTable } from "@fiberstream/terminal/table";
import { type ServiceName, SERVICES } from "@fiberstream/runtime/services";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../options/examples.ts";

type Addresses = {
  readonly gateway: string;
  readonly gatewayAdmin: string;
  readonly processorAdmin: string;
  readonly sinkAdmin: string;
  readonly consoleAdmin: string;
  readonly auditorAdmin: string;
  readonly console: string;
};

const adminUrlOf = (name: ServiceName) => `http://127.0.0.1:${SERVICES[name].adminPort}`;

/** `fiber status`: the exit code is 1 unless all services are ready and the gateway accepts events. */
export const statusCommand = (): Command =>
  new Command("status")
    .description("show whether the services are ready, and their failing checks")
    .option("--gateway <url>", "the gateway's public address", "http://127.0.0.1:8000")
    .option("--gateway-admin <url>", "the gateway's admin address", adminUrlOf("ingest-gateway"))
    .option(
      "--processor-admin <url>",
      "the processor's admin address",
      adminUrlOf("stream-processor"),
    )
    .option("--sink-admin <url>", "the sink's admin address", adminUrlOf("sink-writer"))
    .option("--console-admin <url>", "the console's admin address", adminUrlOf("console"))
    .option("--auditor-admin <url>", "the auditor's admin address", adminUrlOf("auditor"))
    .option("--console <url>", "the console's public address", "http://127.0.0.1:4000")
    .addHelpText("after", examples("status", "status --sink-admin http://sink-1:8010"))
    .action(async (addresses: Addresses) => {
      const { text, isHealthy } = await readStatus(addresses);
      say(text);
      if (!isHealthy) process.exitCode = 1;
    });

/**
 * Asks all services for their readiness.
 * @returns the table to print, and whether all services are ready and the gateway accepts events
 */
export async function readStatus(
  addresses: Addresses,
): Promise<{ text: string; isHealthy: boolean }> {
  const services = [
    { name: "ingest-gateway", adminUrl: addresses.gatewayAdmin },
    { name: "stream-processor", adminUrl: addresses.processorAdmin },
    { name: "sink-writer", adminUrl: addresses.sinkAdmin },
    { name: "console", adminUrl: addresses.consoleAdmin },
    { name: "auditor", adminUrl: addresses.auditorAdmin },
  ];
  const [intake, isAnswering, rollUps, ...readinesses] = await Promise.all([
    readIntake(addresses.gateway),
    isConsoleAnswering(addresses.console),
    readRollUps(addresses.sinkAdmin),
    ...services.map(async (service) => ({
      service,
      readiness: await readReadiness(service.adminUrl),
    })),
  ]);
  const rows = readinesses.map(({ service, readiness }) => [
    service.name,
    readiness.state,
    service.adminUrl,
    readiness.reason ?? "",
  ]);
  const intakeRow = [
    "events over HTTP",
    intake.isOpen ? "accepted" : "not accepted",
    addresses.gateway,
    intake.details,
  ];
  const consoleRow = [
    "questions over HTTP",
    isAnswering ? "answered" : "not answered",
    addresses.console,
    isAnswering ? "GET /docs lists them" : "does not answer",
  ];
  const rollUpRow = ["roll-ups", rollUps.state, addresses.sinkAdmin, rollUps.details];
  const heading = ["SERVICE", "STATE", "ADDRESS", "DETAILS"];
  return {
    text: `${renderTable([heading, ...rows, intakeRow, consoleRow, rollUpRow])}\n`,
    isHealthy: intake.isOpen && readinesses.every(({ readiness }) => readiness.state === "ready"),
  };
}

/** Returns whether the gateway accepts events. Never throws: no answer is a result, too. */
async function readIntake(gateway: string): Promise<{ isOpen: boolean; details: string }> {
  try {
    const answer = await fetch(new URL("/api/status", gateway), {
      signal: AbortSignal.timeout(2_000),
    });
    const { data } = (await answer.json()) as { data: Record<string, string> };
    const details = Object.entries(data).map(([dependency, state]) => `${dependency} ${state}`);
    return { isOpen: answer.ok, details: details.join(", ") };
  } catch {
    return { isOpen: false, details: "does not answer" };
  }
}

/** Returns whether the console answers: a request without a key, and without the database. */
async function isConsoleAnswering(address: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    return (await fetch(new URL("/openapi.json", address), { signal })).ok;
  } catch {
    return false;
  }
}

/** As the alert FiberStreamRollUpsBehind. */
const MAX_ROLLUP_LAG_S = 300;

/** Returns how far the roll-ups are behind the rows, by the metrics of a sink. Never throws. */
async function readRollUps(sinkAdmin: string): Promise<{ state: string; details: string }> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const metrics = await (await fetch(new URL("/metrics", sinkAdmin), { signal })).text();
    const lags = Array.from(metrics.matchAll(ROLLUP_LAG), ([, width = "", seconds]) => ({
      width,
      seconds: Number(seconds),
    }));
    if (lags.length === 0)
      return { state: "not known", details: "the sink has no such metric yet" };
    const longest = Math.max(...lags.map(({ seconds }) => seconds));
    return {
      state: longest <= MAX_ROLLUP_LAG_S ? "current" : "behind",
      details: `oldest due for ${lags.map(({ width, seconds }) => `${Math.round(seconds)} s (${width})`).join(", ")}`,
    };
  } catch {
    return { state: "not known", details: "the sink does not answer" };
  }
}

const ROLLUP_LAG = /^fiberstream_rollup_lag_seconds\{.*width="(\w+)".*\} (\S+)$/gm;
