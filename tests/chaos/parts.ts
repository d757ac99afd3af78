import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startTestPart } from "@fiberstream/testkit/start-test-part";
import type { PartKind, TestPart } from "@fiberstream/testkit/test-part";
import { mountVolume, type Volume } from "./volume.ts";

/** The four parts, each on a port and data of its own. */
export type Parts = {
  readonly of: (kind: PartKind) => TestPart;
  readonly portOf: (kind: PartKind) => number;
  readonly databaseUrl: string;
  /** The database's, where it has one of its own. */
  readonly volume: Volume | undefined;
  readonly end: () => Promise<void>;
};

/**
 * @param options.ports eight free ones
 * @param options.listeners Kafka's further ways in, see `PartPlace`
 */
export async function startParts(options: {
  folder: string;
  ports: readonly number[];
  listeners: readonly { port: number; advertisedPort: number }[];
  /** Whether the database gets a volume that can be filled. */
  ownVolume: boolean;
  onProgress: (doing: string) => void;
}): Promise<Parts> {
  const { ports, listeners, onProgress } = options;
  const at: Record<PartKind, number> = { kafka: 0, registry: 2, redis: 4, postgres: 6 };
  const portOf = (kind: PartKind) => ports[at[kind]] ?? 0;
  const folderOf = (kind: PartKind) => {
    const folder = join(options.folder, kind);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  const volume = options.ownVolume ? await mountVolume(folderOf("postgres")) : undefined;
  const start = (kind: PartKind) => {
    const folder = folderOf(kind);
    return startTestPart(kind, {
      ports: { port: portOf(kind), innerPort: ports[at[kind] + 1] ?? 0 },
      folder,
      onProgress,
      ...(kind === "kafka" && { listeners }),
    });
  };
  const [kafka, registry, redis, postgres] = await Promise.all([
    start("kafka"),
    start("registry"),
    start("redis"),
    start("postgres"),
  ]);
  const parts = { kafka, registry, redis, postgres };
  return {
    of: (kind) => parts[kind],
    portOf,
    databaseUrl: Object.assign(new URL(postgres.address), { pathname: "/fiberstack" }).href,
    volume,
    end: async () => {
      await Promise.all(Object.values(parts).map((part) => part.kill()));
      await volume?.unmount();
    },
  };
}
