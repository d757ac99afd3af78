import { isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { startNativeBackingService } from "./native-backing-service.ts";
import type {
  BackingServiceKind,
  BackingServicePlace,
  TestBackingService,
} from "./test-backing-service.ts";

/** Starts a backing service in a container where a Docker engine answers, natively where none does, or for a cluster. */
export async function startTestBackingService(
  kind: BackingServiceKind,
  place: BackingServicePlace,
): Promise<TestBackingService> {
  if (place.cluster !== undefined || !(await isEngineUp()))
    return startNativeBackingService(kind, place);
  // Loaded where it is used: it takes half a second, and most runs of the native kind need none of it.
  const { startContainerBackingService } = await import("./container-backing-service.ts");
  return startContainerBackingService(kind, place);
}
