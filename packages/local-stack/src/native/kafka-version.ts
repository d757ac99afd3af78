import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureFetched, fetchWith } from "./fetched.ts";
import { NativeError } from "./native-error.ts";
import { mavenProject, RECIPE } from "./recipe.ts";
import type { Mount } from "./sandbox.ts";

/** Where the tree has its own Kafka; another version's jars are mounted over it. */
const JARS = "/opt/kafka";

/**
 * Fetches the jars of a Kafka that is not the tree's own into the user's cache, at first use.
 *
 * @returns what to mount; nothing for the tree's own version
 * @throws {NativeError} Maven does not have it, or is away
 */
export async function mountKafka(version: string): Promise<readonly Mount[]> {
  const { kafka, dependencyPluginVersion } = RECIPE;
  if (version === kafka.version) return [];
  requireVersion(version);
  const fetched = await ensureFetched(`kafka-${version}`, async (into) => {
    const project = join(into, "pom.xml");
    writeFileSync(project, mavenProject({ kafka: { ...kafka, version }, dependencyPluginVersion }));
    await fetchWith("mvn", ["-B", "-ntp", "-q", "-f", project, `-Dparts=${into}`, "package"]);
  });
  if ("missing" in fetched) throw new NativeError(`Kafka ${version}: ${fetched.missing}`);
  return [{ from: join(fetched.folder, "kafka"), at: JARS }];
}

/** Before 3.9 the controllers are a fixed list, and storage is formatted without it (KIP-853). */
export const hasFixedControllers = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 3 || (major === 3 && minor < 9);
};

/** It becomes the name of a folder. */
function requireVersion(version: string): void {
  if (/^\d+\.\d+\.\d+$/.test(version)) return;
  throw new NativeError(`"${version}" is no version of Kafka: it has the form 3.9.1`);
}
