import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedFolder } from "./cached-folder.ts";
import type { InstalledClient } from "./installed-client.ts";
import { type Command, runCommand } from "./run-command.ts";
import type { Toolchain } from "./toolchains.ts";

const EXAMPLES = fileURLToPath(new URL("../../docs/consume/", import.meta.url));
const example = (...path: string[]) => join(EXAMPLES, ...path);
const recipeOf = (...paths: string[][]) =>
  paths.map((path) => readFileSync(example(...path), "utf8"));

export type StockConsumer = {
  readonly name: string;
  /** The toolchain that the machine needs; undefined if the project's own is enough. */
  readonly needs?: Toolchain;
  /**
   * Installs the dependencies in the example's own manifest.
   * @returns the command that runs the example
   */
  readonly install: (client: InstalledClient) => Promise<Command>;
};

/** The examples of docs/consume that decode values. */
export const STOCK_CONSUMERS: readonly StockConsumer[] = [
  {
    name: "Python: confluent-kafka",
    needs: "python",
    install: async () => {
      const requirements = ["python", "requirements.txt"];
      const folder = await cachedFolder({
        name: "consumers-python",
        recipe: recipeOf(requirements),
        make: async (half) => {
          await runCommand(["python3", "-m", "venv", half]);
          const pip = [join(half, "bin", "python"), "-m", "pip"] as const;
          await runCommand([...pip, "install", "--quiet", "-r", example(...requirements)]);
        },
      });
      return [join(folder, "bin", "python"), example("python", "consume.py")];
    },
  },
  {
    name: "Java: kafka-clients and Apicurio's deserializer",
    needs: "java",
    install: async () => {
      const project = ["java", "pom.xml"];
      const source = ["java", "Consume.java"];
      const folder = await cachedFolder({
        name: "consumers-java",
        recipe: recipeOf(project, source),
        make: async (half) => {
          await runCommand([
            "mvn",
            "--batch-mode",
            "--quiet",
            "--file",
            example(...project),
            "dependency:copy-dependencies",
            `-DoutputDirectory=${half}`,
          ]);
          await runCommand(["javac", "-cp", join(half, "*"), "-d", half, example(...source)]);
        },
      });
      // A small heap and only the C1 compiler: it starts in half the time.
      const quick = ["-XX:TieredStopAtLevel=1", "-Xmx256m"];
      return ["java", ...quick, "-cp", `${folder}:${join(folder, "*")}`, "Consume"];
    },
  },
  {
    name: "Go: franz-go and hamba/avro",
    needs: "go",
    install: async () => {
      const folder = await cachedFolder({
        name: "consumers-go",
        recipe: recipeOf(["go", "consume.go"], ["go", "go.mod"], ["go", "go.sum"]),
        make: async (half) => {
          await runCommand(["go", "build", "-o", join(half, "consume"), "."], {
            folder: example("go"),
          });
        },
      });
      return [join(folder, "consume")];
    },
  },
  {
    name: "Node: kafkajs and its registry client",
    install: async () => [process.execPath, example("node", "consume.mjs")],
  },
  {
    name: "Node: @fiberstream/client, installed from its package",
    install: async (client) => [
      process.execPath,
      client.copy("consume.ts", example("client", "consume.ts")),
    ],
  },
];

/** Installs Debian's kcat if it is missing. It has no Avro, so its output is compared separately. */
export async function installKcat(): Promise<Command> {
  await runCommand([
    "sh",
    "-ec",
    `command -v kcat || {
      install="apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends kcat"
      $install || { apt-get update; $install; }
    }`,
  ]);
  return ["sh", example("kcat", "consume.sh")];
}
