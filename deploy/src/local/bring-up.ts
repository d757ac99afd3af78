import { createLog } from "@fiberstream/runtime/log";
import { addressOf } from "@fiberstream/runtime/retry";
import { Listr } from "listr2";
import { migrate } from "@fiberstream/provisioning/migrate";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { sendFirstEvent } from "./first-event.ts";
import { taskOptions, rateLimited } from "./output.ts";
import type { BackingServicePlan } from "./backing-services.ts";
import { addressSettings, type ServicePlan } from "./services.ts";
import type { Supervisor } from "./supervision/supervisor.ts";
import { within } from "./within.ts";

/** Takes 1 s usually. It was seen once to wait forever for the registry's answer. */
const DEPLOY_LIMIT = {
  ms: 60_000,
  what: "Creating topics and registering schemas",
  advice: "Run npm start again; it continues with what is missing",
};

/**
 * Starts backing services, deploys topics, schemas and migrations, starts services, and sends one event
 * through all of it. Shows each step with its time.
 *
 * @throws {NativeError | FatalError | TransientError} the first failure; the caller stops what was started
 */
export async function bringUp(options: {
  backingServices: readonly BackingServicePlan[];
  services: readonly ServicePlan[];
  supervisor: Supervisor;
  namespace: string;
  beginsAgain: boolean;
}): Promise<void> {
  const { backingServices, services, supervisor, namespace, beginsAgain } = options;
  const settings = addressSettings(backingServices);
  const gatewayUrl = services[0]?.address ?? "";
  let root = "";

  const processes = new Map(
    // They are stopped in the reverse of this order: first the gateway, which accepts events.
    [...backingServices, ...services.toReversed()].map((plan) => [
      plan.name,
      supervisor.add({ ...plan, start: () => plan.start(root) }),
    ]),
  );
  const start = async (name: BackingServicePlan["name"] | ServicePlan["name"]) =>
    processes.get(name)?.start();

  const failures: unknown[] = [];
  // The task list shows which step failed. The reason can be twenty lines long; the caller prints it once.
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
            root = await ensureTree(rateLimited((doing) => (task.output = doing)));
          }),
      },
      {
        title: "Backing services",
        task: (_, task) =>
          task.newListr(
            backingServices.map((backingService) => ({
              title: `${backingService.title} (${backingService.kind}) ${withoutCredentials(backingService.address)}`,
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
                beginsAgain,
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
        title: "First event, from POST to row",
        task: (_, task) =>
          step(async () => {
            const databaseUrl = settings.DATABASE_URL;
            const tookMs = await sendFirstEvent({ gatewayUrl, databaseUrl });
            task.title = `First event, from POST to row: ${Math.round(tookMs)} ms`;
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

const withoutCredentials = (address: string) =>
  address.includes("://") ? addressOf(address) : address;
