import { readReadiness } from "@fiberstream/terminal/readiness";
import { renderTable } from "@fiberstream/terminal/table";
import { type ServiceName, SERVICES } from "@fiberstream/runtime/services";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";

type Addresses = {
  readonly gateway: string;
  readonly gatewayAdmin: string;
  readonly processorAdmin: string;
  readonly sinkAdmin: string;
};

const adminUrlOf = (name: ServiceName) => `http://127.0.0.1:${SERVICES[name].adminPort}`;

/** `fiber status`: exit code 1 unless all are well. */
export const statusCommand = (): Command =>
  new Command("status")
    .description("show service readiness and failing checks")
    .option("--gateway <url>", "the gateway's public address", "http://127.0.0.1:8000")
    .option("--gateway-admin <url>", "its admin address", adminUrlOf("ingest-gateway"))
    .option(
      "--processor-admin <url>",
      "the processor's admin address",
      adminUrlOf("stream-processor"),
    )
    .option("--sink-admin <url>", "the sink's admin address", adminUrlOf("sink-writer"))
    .action(async (addresses: Addresses) => {
      const { text, isWell } = await readStatus(addresses);
      say(text);
      if (!isWell) process.exitCode = 1;
    });

/** Asks all services at once. @returns the table to show, and whether all are well */
export async function readStatus(addresses: Addresses): Promise<{ text: string; isWell: boolean }> {
  const services = [
    { name: "ingest-gateway", adminUrl: addresses.gatewayAdmin },
    { name: "stream-processor", adminUrl: addresses.processorAdmin },
    { name: "sink-writer", adminUrl: addresses.sinkAdmin },
  ];
  const [intake, ...looks] = await Promise.all([
    readIntake(addresses.gateway),
    ...services.map(async (service) => ({ service, look: await readReadiness(service.adminUrl) })),
  ]);
  const rows = looks.map(({ service, look }) => [
    service.name,
    look.state,
    service.adminUrl,
    look.reason ?? "",
  ]);
  const intakeRow = [
    "events over HTTP",
    intake.isOpen ? "accepted" : "not accepted",
    addresses.gateway,
    intake.details,
  ];
  return {
    text: `${renderTable([["SERVICE", "STATE", "ADDRESS", "DETAILS"], ...rows, intakeRow])}\n`,
    isWell: intake.isOpen && looks.every(({ look }) => look.state === "ready"),
  };
}

/** What probes see. Never throws: no answer is an answer, too. */
async function readIntake(gateway: string): Promise<{ isOpen: boolean; details: string }> {
  try {
    const answer = await fetch(new URL("/api/status", gateway), {
      signal: AbortSignal.timeout(2_000),
    });
    const { data } = (await answer.json()) as { data: Record<string, string> };
    const details = Object.entries(data).map(([part, state]) => `${part} ${state}`);
    return { isOpen: answer.ok, details: details.join(", ") };
  } catch {
    return { isOpen: false, details: "does not answer" };
  }
}
