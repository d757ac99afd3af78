import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureFetched, fetchWith } from "../fetched.ts";
import { NativeError } from "../native-error.ts";
import { mavenProject, RECIPE } from "../recipe.ts";
import type { Mount } from "../sandbox.ts";

/** The folder of Kafka in the root file system; the jars of another version are mounted over it. */
const JARS = "/opt/kafka";

/**
 * Downloads the jars of another Kafka version into the user's cache, at the first use.
 *
 * @returns the mounts for it; none for the version of the root file system
 * @throws {NativeError} when Maven does not have the version, or cannot be reached
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

/** Returns whether a version needs a fixed list of controllers: before 3.9 (KIP-853). */
export const hasFixedControllers = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 3 || (major === 3 && minor < 9);
};

/** Checks the version, because it becomes the name of a folder. */
function requireVersion(version: string): void {
  if (/^\d+\.\d+\.\d+$/.test(version)) return;
  throw new NativeError(`"${version}" is not a version of Kafka, such as 3.9.1`);
}
