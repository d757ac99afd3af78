import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { readRegisteredVersions } from "@fiberstream/kafka/registered-versions";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { avroTopics, readSchemaTree } from "@fiberstream/schemas/avro-topics";
import { compareVersions } from "@fiberstream/schemas/evolution/compare-versions";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

const url = addresses.schemaRegistryUrl;
const registry = createSchemaRegistry({ url });
const released = readReleasedVersions();

// Whose audit log says what was registered.
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Runs the command against the registry of the tests. */
async function fiber(namespace: string, ...words: string[]) {
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  const env = {
    PATH: "/usr/bin:/bin",
    NAMESPACE: namespace,
    SCHEMA_REGISTRY_URL: url,
    DATABASE_URL: database.url,
  };
  const run = promisify(execFile)(process.execPath, [main, "schemas", ...words], { env });
  return run.then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (failed: { code: number; stdout: string; stderr: string }) => ({
      code: failed.code,
      text: failed.stdout + failed.stderr,
    }),
  );
}

describe("fiber schemas, with a registry", () => {
  it("accepts every released version in order, then registers the working tree", async () => {
    const namespace = testNamespace();
    for (const { topic, schema } of released) {
      await registry.register(subjectOf(topicIn(namespace, topic)), schema);
    }
    for (const topic of avroTopics()) {
      const subject = subjectOf(topicIn(namespace, topic));
      const versions = await readRegisteredVersions({ url, subject });
      expect(versions.map(({ version, schema }) => [version, schema])).toEqual(
        released
          .filter((one) => one.topic === topic)
          .map(({ version, schema }) => [version, schema]),
      );
    }
    const check = await fiber(namespace, "check");
    expect(check).toMatchObject({ code: 0 });
    expect(check.text).toContain(`${released.length} versions of 5 topics`);
    expect((await fiber(namespace, "register")).text).toMatch(
      /raw-value: ProbeMetric is registered/,
    );
    expect((await fiber(namespace, "list")).text).toMatch(
      /probe\.nodes +Node +15 .*is version \d +1:\d+/,
    );
  });

  it("reports what an incompatible version in the registry breaks, and registers nothing", async () => {
    const namespace = testNamespace();
    const { fields, ...node } = readSchemaTree()["probe.nodes"];
    const foreign = {
      ...node,
      fields: [
        ...fields,
        { name: "owner", type: "string" as const, doc: "Whose it is.", example: "a" },
      ],
    };
    await registry.register(subjectOf(topicIn(namespace, "probe.nodes")), foreign);
    for (const command of ["check", "register"]) {
      const { code, text } = await fiber(namespace, command);
      expect(code).toBe(1);
      expect(text).toMatch(/Node\.avsc: the field "owner" was removed, and it had no default/);
    }
    const subject = subjectOf(topicIn(namespace, "probe.alerts"));
    expect(await readRegisteredVersions({ url, subject })).toEqual([]);
  });

  it("accepts the same changes as the registry", async () => {
    const subject = subjectOf(topicIn(testNamespace(), "probe.nodes"));
    const schema = readSchemaTree()["probe.nodes"];
    await registry.register(subject, schema);
    const edits = {
      "without node_name": schema.fields.filter(({ name }) => name !== "node_name"),
      "with a text for a number": schema.fields.map((field) =>
        field.name === "revision" ? { ...field, type: "string" as const, default: "" } : field,
      ),
      "with a new field": [
        ...schema.fields,
        { name: "site", type: "string" as const, doc: "Site.", default: "", example: "a" },
      ],
    };
    for (const [edit, fields] of Object.entries(edits)) {
      const edited = { ...schema, fields };
      const isTaken = registry.register(subject, edited).then(
        () => true,
        () => false,
      );
      expect([edit, await isTaken]).toEqual([edit, compareVersions(schema, edited).length === 0]);
    }
  });
});

describe("fiber schemas, with a registry that has none", () => {
  it("compares with the released versions", async () => {
    const { code, text } = await fiber(testNamespace(), "check");
    expect(code).toBe(0);
    expect(text).toMatch(/schemas\/released \(the registry at .* has no schemas yet\)/);
  });
});

describe("fiber schemas, without a registry", () => {
  it("compares with the released versions and says so", async () => {
    const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
    const env = { PATH: "/usr/bin:/bin", SCHEMA_REGISTRY_URL: "http://127.0.0.1:9" };
    const { stdout } = await promisify(execFile)(process.execPath, [main, "schemas", "check"], {
      env,
    });
    expect(stdout).toMatch(
      /Compared with schemas\/released \(no registry at http:\/\/127\.0\.0\.1:9/,
    );
    expect(stdout).toContain("All consumers, of any version, can still read.");
  });
});
