import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { addresses, partsEnvironment } from "@fiberstream/testkit/addresses";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { sampleEvent } from "./testing/sample-rows.ts";
import { createSinkFixture, type SinkFixture } from "./testing/sink-fixture.ts";

let fixture: SinkFixture;
beforeEach(async () => {
  fixture = await createSinkFixture();
});
afterEach(() => fixture.stop());

const FIBER = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
const rewind = async (...args: string[]) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [FIBER, "sink", "rewind", ...args],
    {
      env: {
        ...partsEnvironment(addresses),
        NAMESPACE: fixture.namespace,
        DATABASE_URL: fixture.databaseUrl,
      },
    },
  );
  return stdout;
};
const metric = async (adminUrl: string, name: string) => {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name));
  return Number(line?.split(" ").at(-1) ?? 0);
};

describe("fiber sink rewind", () => {
  it("has a running sink read again, which doubles nothing and brings back what was lost", async () => {
    const sink = await fixture.start();
    await fixture.send(Array.from({ length: 300 }, () => sampleEvent({ node_id: "n1" })));
    await fixture.untilStored(300);
    await fixture.sql.query(
      "DELETE FROM metrics WHERE time IN (SELECT time FROM metrics LIMIT 20)",
    );

    expect(await rewind("--to", "1h", "--dry-run")).toMatch(/would go on at 0 instead of 300/);
    expect(await rewind("--to", "1h")).toMatch(
      /goes on at 0 instead of 300\n300 records read again/,
    );
    await fixture.untilStored(300);
    const repeats = 'fiberstream_pipeline_records_total{stage="sink",outcome="repeat"}';
    expect(await metric(sink.adminUrl, repeats)).toBe(280);
    expect(await rewind("--to", "2040-01-01")).toBe("nothing to move\n");
  });

  it("lets the sink go on that has stopped at an offset that Kafka lacks", async () => {
    const sink = await fixture.start();
    await fixture.send([sampleEvent({ node_id: "n1" })]);
    await fixture.untilStored(1);
    await sink.stop();
    await fixture.sql.query("UPDATE sink_offsets SET next_offset = 1000 WHERE next_offset > 0");
    const stuck = await fixture.start({}, { awaitReady: false });
    await fixture.untilNotReady(stuck, /goes on at offset 1000, which Kafka does not have/);
    expect(await stuck.stop()).toBe(0);

    expect(await rewind("--offset", "0", "--no-wait")).toMatch(/goes on at 0 instead of 1000/);
    await fixture.start();
    await fixture.send([sampleEvent({ node_id: "n1" })]);
    await fixture.untilStored(2);
  });
});
