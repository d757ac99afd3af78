import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { avroTopics, readSchemaTree, schemaNameOf } from "@fiberstream/schemas/avro-topics";
import { checkSchemas, problemText } from "@fiberstream/schemas/evolution/check-schemas";
import { Command } from "commander";
import { readKnownSchemas, readRegistryAccess } from "./known-schemas.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";
import { logged } from "../../tables/with-pool.ts";

/** `fiber schemas register`: checks and registers schemas, like the deploy step, but without topics. */
export const schemasRegisterCommand = (): Command =>
  new Command("register")
    .description(
      "register the schemas of the working tree at SCHEMA_REGISTRY_URL, if they break no reader",
    )
    .option("--dry-run", "only show what would be registered", false)
    .addHelpText("after", examples("schemas register --dry-run"))
    .action(async ({ dryRun }: { dryRun: boolean }) => {
      const tree = readSchemaTree();
      const { namespace, ...access } = readRegistryAccess();
      const known = await readKnownSchemas({ isOffline: false });
      if (known.source !== "registry") throw new Error(`nothing was registered: ${known.where}`);
      const problems = checkSchemas(tree, known.versions).map(problemText);
      if (problems.length > 0)
        throw new Error(`nothing was registered:\n\n${problems.join("\n\n")}`);

      const registry = createSchemaRegistry(access);
      for (const topic of avroTopics()) {
        const subject = subjectOf(topicIn(namespace, topic));
        const text = JSON.stringify(tree[topic]);
        const isThere = known.versions.some(
          (one) => one.topic === topic && JSON.stringify(one.schema) === text,
        );
        const outcome = async () => {
          if (dryRun) return isThere ? "is registered already" : "would be registered";
          // If it is there already, this only asks for its id.
          const attempt = { action: "schema.registration", objectKind: "subject", object: subject };
          const { id, change } = await logged(
            attempt,
            { isDry: isThere, summaryOf: (registered) => ({ ...registered }) },
            () => registry.register(subject, tree[topic]),
          );
          return change === "registered"
            ? `registered with id ${id}`
            : `is registered already, id ${id}`;
        };
        say(`${subject}: ${schemaNameOf(topic)} ${await outcome()}\n`);
      }
    });
