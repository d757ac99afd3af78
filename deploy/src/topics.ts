import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { topicsSettings } from "@fiberstream/provisioning/topics-settings";
import { createLog } from "@fiberstream/runtime/log";
import { logStep, stepLogSettings } from "./steps/log-step.ts";
import { runStep } from "./steps/run-step.ts";

await runStep({
  name: "topics",
  description:
    "Create the topics and register their schemas. Existing topics get missing partitions and the settings that the services need; their retention is not changed.",
  settings: { ...kafkaSettings(), ...topicsSettings(), ...stepLogSettings() },
  run: (config, toOutput) =>
    logStep({
      action: "topics.deployment",
      object: "topics",
      databaseUrl: config.databaseUrl,
      print: toOutput,
      work: (print) =>
        deployTopics({
          ...kafkaAccess(config),
          schemaRegistryUrl: config.schemaRegistryUrl,
          registrySecurity: registryAccess(config).security,
          namespace: config.namespace,
          setsRetention: config.setsRetention,
          beginsAgain: config.beginsAgain,
          log: createLog({ service: "topics", level: "error", format: "auto" }),
          print,
        }),
    }),
});
