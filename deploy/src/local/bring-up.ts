import { createLog } from "@fiberstream/runtime/log";
import { addressOf } from "@fiberstream/runtime/retry";
import { Listr } from "listr2";
import { migrate } from "@fiberstream/provisioning/migrate";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { sendFirstEvent } from "./first-event.ts";
import { taskOptions, thinned } from "./output.ts";
import type { BackingServicePlan } from "./backing-services.ts";
import { addressSettings, type ServicePlan } from "./services.ts";
import type { Supervisor } from "./supervision/supervisor.ts";
import { within } from "./within.ts";

/** Takes 1 s; seen once to wait forever for a registry's answer. */
const DEPLOY_LIMIT = {
  ms: 60_000,
  what: "Making topics and registering schemas",
  advice: "What it had done stays: run npm start again",
};

/**
 * Starts backing services, deploys topics, schemas and migrations, starts services, and sends one event
 * through all of it. Shows each step with its time.
 *
 * @throws {NativeError | FatalError | TransientError} what failed; the caller stops what is up
 */
export async function bringUp(options: {
  backingServices: readonly BackingServicePlan[];
  services: readonly ServicePlan[];
  supervisor: Supervisor;
  namespace: string;
}): Promise<void> {
  const { backingServices, services, supervisor, namespace } = options;
  const settings = addressSettings(backingServices);
  const gatewayUrl = services[0]?.address ?? "";
  let root = "";

  const processes = new Map(
    // Stops run in the reverse order of this: the gateway, which takes in, first.
    [...backingServices, ...services.toReversed()].map((plan) => [
      plan.name,
      supervisor.add({ ...plan, start: () => plan.start(root) }),
    ]),
  );
  const start = async (name: BackingServicePlan["name"] | ServicePlan["name"]) =>
    processes.get(name)?.start();

  const failures: unknown[] = [];
  // The list says which step failed; why can take twenty lines, and is told once, by the caller.
  const step = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failures.push(error);
      throw new Error("failed", { cause: error });
    }
  };

  const tasks = new Listr(
    [
      {
        title: "Programs of the backing services",
        enabled: backingServices.some((backingService) => backingService.kind === "native"),
        task: (_, task) =>
          step(async () => {
            root = await ensureTree(thinned((doing) => (task.output = doing)));
          }),
      },
      {
        title: "Backing services",
        task: (_, task) =>
          task.newListr(
            backingServices.map((backingService) => ({
              title: `${backingService.title} (${backingService.kind}) ${shown(backingService.address)}`,
              task: () =>
                step(async () => {
                  // The registry keeps its schemas in PostgreSQL.
                  if (backingService.name === "registry") await start("postgres");
                  await start(backingService.name);
                }),
            })),
            { concurrent: true },
          ),
      },
      {
        title: "Topics and schemas",
        task: (_, task) =>
          step(() =>
            within(
              DEPLOY_LIMIT,
              deployTopics({
                brokers: settings.KAFKA_BROKERS.split(","),
                schemaRegistryUrl: settings.SCHEMA_REGISTRY_URL,
                namespace,
                log: createLog({ service: "topics", level: "error", format: "auto" }),
                print: (line) => (task.output = line),
              }),
            ),
          ),
      },
      {
        title: "Database schema",
        task: (_, task) =>
          step(() =>
            migrate({
              databaseUrl: settings.DATABASE_URL,
              print: (line) => (task.output = line),
            }),
          ),
      },
      {
        title: "Services",
        task: (_, task) =>
          task.newListr(
            services.map(({ name, address }) => ({
              title: `${name} ${address}`,
              task: () => step(() => start(name)),
            })),
            { concurrent: true },
          ),
      },
      {
        title: "First event, from its POST to its row",
        task: (_, task) =>
          step(async () => {
            const databaseUrl = settings.DATABASE_URL;
            const tookMs = await sendFirstEvent({ gatewayUrl, databaseUrl });
            task.title = `First event, from its POST to its row: ${Math.round(tookMs)} ms`;
          }),
      },
    ],
    taskOptions,
  );
  try {
    await tasks.run();
  } catch (error) {
    throw failures[0] ?? error;
  }
}

const shown = (address: string) => (address.includes("://") ? addressOf(address) : address);
