import { isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { startNativePart } from "./native-backing-service.ts";
import type { PartKind, PartPlace, TestPart } from "./test-backing-service.ts";

/** Starts a part in a container where a Docker engine answers, natively where none does, or for a cluster. */
export async function startTestPart(kind: PartKind, place: PartPlace): Promise<TestPart> {
  if (place.cluster !== undefined || !(await isEngineUp())) return startNativePart(kind, place);
  // Loaded where it is used: it takes half a second, and most runs of the native kind need none of it.
  const { startContainerPart } = await import("./container-backing-service.ts");
  return startContainerPart(kind, place);
}
