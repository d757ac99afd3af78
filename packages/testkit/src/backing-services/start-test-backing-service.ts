import { isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { startNativeBackingService } from "./native-backing-service.ts";
import type {
  BackingServiceKind,
  TestBackingServiceOptions,
  TestBackingService,
} from "./test-backing-service.ts";

/** Starts a backing service: as a container if a Docker engine answers, otherwise natively; a cluster always natively. */
export async function startTestBackingService(
  kind: BackingServiceKind,
  setup: TestBackingServiceOptions,
): Promise<TestBackingService> {
  if (setup.cluster !== undefined || !(await isEngineUp()))
    return startNativeBackingService(kind, setup);
  // Imported only when it is used, because that takes half a second.
  const { startContainerBackingService } = await import("./container-backing-service.ts");
  return startContainerBackingService(kind, setup);
}
