import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { IMAGES } from "@fiberstream/local-stack/images";
import { writePrometheusFiles } from "@fiberstream/local-stack/prometheus-files";
import { startPrometheus } from "@fiberstream/local-stack/native/prometheus";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { freePort } from "./free-ports.ts";

export type TestPrometheus = {
  readonly url: string;
  /** Stops it and deletes its data. */
  readonly remove: () => Promise<void>;
};

/**
 * Starts a Prometheus for one test, with the project's configuration and rules.
 *
 * @param files.changeRules changes the rules, for tests that cannot wait as long as the rules do
 */
export async function startTestPrometheus(
  files: Omit<Parameters<typeof writePrometheusFiles>[0], "folder">,
): Promise<TestPrometheus> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "fiberstream-prometheus-"));
  const dataDir = join(folder, "data");
  writePrometheusFiles({ folder: dataDir, ...files });
  const kill = await ((await isEngineUp()) ? inContainer : natively)(dataDir, port);
  return {
    url: `http://127.0.0.1:${port}`,
    remove: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Starter = (dataDir: string, port: number) => Promise<() => Promise<void>>;

const natively: Starter = async (dataDir, port) => {
  const root = await ensureTree(() => undefined);
  const backingService = await startPrometheus({
    root,
    port,
    dataDir,
    logFile: join(dataDir, "../log"),
  });
  return backingService.kill;
};

/** On the host network, because the services listen on the loopback interface. */
const inContainer: Starter = async (dataDir, port) => {
  const { GenericContainer, Wait } = await import("testcontainers");
  const container = await new GenericContainer(IMAGES.prometheus)
    .withNetworkMode("host")
    .withBindMounts([{ source: dataDir, target: "/etc/prometheus", mode: "ro" }])
    .withCommand([
      "--config.file=/etc/prometheus/prometheus.yml",
      "--storage.tsdb.path=/prometheus",
      `--web.listen-address=127.0.0.1:${port}`,
    ])
    .withWaitStrategy(Wait.forLogMessage("Server is ready to receive web requests"))
    .start();
  return () => container.stop().then(() => undefined);
};
