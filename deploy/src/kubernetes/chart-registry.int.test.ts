import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLife } from "@fiberstream/runtime/life";
import { freePort } from "@fiberstream/testkit/free-ports";
import { afterAll, expect, it } from "@jest/globals";
import { isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { registryUrl, startRegistry } from "@fiberstream/local-stack/native/registry";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { singleObject } from "./chart-cases.ts";
import { describeChart, renderCase } from "./chart-fixture.ts";

const life = createLife();
afterAll(() => life.stop());
/** Only the native runtime can start a registry with the chart's properties. */
const itNatively = (await isEngineUp()) ? it.skip : it;

describeChart("the registry in the cluster", () => {
  itNatively(
    "rejects requests without the password of the services",
    async () => {
      const { objects } = await renderCase("everything in the cluster");
      const { data } = singleObject(objects, "ConfigMap", "registry") as unknown as {
        data: Record<string, string>;
      };
      const { stringData } = singleObject(objects, "Secret", "secret") as unknown as {
        stringData: Record<string, string>;
      };
      const password = stringData["SCHEMA_REGISTRY_PASSWORD"] ?? "";
      const lines = (data["registry.properties"] ?? "").trim().split("\n");
      const properties = Object.fromEntries(
        lines.map((line) => line.replace("${SCHEMA_REGISTRY_PASSWORD}", password).split("=", 2)),
      ) as Record<string, string>;

      const folder = life.own(mkdtempSync(join(tmpdir(), "fiberstream-registry-")), (owned) =>
        rmSync(owned, { recursive: true, force: true }),
      );
      const port = await freePort();
      life.own(
        await startRegistry({
          root: await ensureTree(() => undefined),
          port,
          managementPort: await freePort(),
          dataDir: join(folder, "data"),
          logFile: join(folder, "log"),
          storage: { kind: "file" },
          properties,
        }),
        (owned) => owned.kill(),
      );
      const statusFor = async (userInfo?: string) => {
        const authorization = `Basic ${Buffer.from(userInfo ?? "").toString("base64")}`;
        const headers = userInfo === undefined ? {} : { authorization };
        const answer = await fetch(`${registryUrl(port)}/subjects`, { headers });
        await answer.arrayBuffer();
        return answer.status;
      };
      expect(await statusFor()).toBe(401);
      expect(await statusFor("fiberstream:wrong")).toBe(401);
      expect(await statusFor(stringData["SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"])).toBe(200);
    },
    300_000,
  );
});
