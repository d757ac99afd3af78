import type { KeyRow } from "@fiberstream/access/key-table";
import { globSync, readFileSync } from "node:fs";
import { renderTable } from "@fiberstream/terminal/table";
import { describe, expect, it } from "@jest/globals";
import { renderDeadLetter } from "./commands/dlq/show.ts";
import { renderCreated } from "./commands/keys/create.ts";
import { renderKeys } from "./commands/keys/list.ts";
import { renderNodes } from "./commands/nodes/list.ts";
import { renderNode } from "./commands/nodes/show.ts";
import { renderQuality } from "./commands/quality.ts";
import type { NodeRow } from "./tables/node-table.ts";
import type { QualityRow, QualitySum } from "./tables/quality-table.ts";
import { createRecordOutput } from "./records/record-output.ts";
import type { SeenRecord } from "./records/decoded-record.ts";

/** A text that clears the screen, forges a line, reverses the text direction, and sets the clipboard by a C1 control. */
const NAME = "x\u001B[2J\u001B[1;1H\nforged  good\r\u202Etxt\u009D52;c;eA==\u0007";
const SHOWN = "x\\u001b[2J\\u001b[1;1H\\u000aforged  good\\u000d\\u202etxt\\u009d52;c;eA==\\u0007";

const node = {
  node_id: NAME,
  node_name: NAME,
  display_name: null,
  status: "reporting",
  region: NAME,
  city: NAME,
  tags: { site: NAME },
  last_seen_at: null,
} as unknown as NodeRow;
const key = {
  key_id: "abc",
  tenant: "acme",
  node_pattern: NAME,
  jwt_subject: NAME,
  note: NAME,
  revoked_at: null,
  expires_at: null,
} as unknown as KeyRow;
const quality = { node_id: NAME, completeness: null } as unknown as QualityRow;
const sum = { completeness: null, measured_at: new Date(0) } as unknown as QualitySum;
const shown = Object.assign(Object.create(null) as QualityRow, quality, {
  expected: null,
  interval_s: null,
  longest_gap_s: null,
  delay_p50_ms: null,
});
const deadLetter = {
  failureClass: "too-old",
  reason: NAME,
  origin: { topic: NAME, partition: 0, offset: "1" },
  failedAt: NAME,
  service: NAME,
  replays: 0,
  key: NAME,
  hex: null,
  headers: { [NAME]: NAME },
} as unknown as Parameters<typeof renderDeadLetter>[0];
const seen = {
  partition: 0,
  record: { offset: "1", timestamp: "0" },
  key: NAME,
  fields: { node_id: NAME },
} as unknown as SeenRecord;
const recordsAs = (format: "table" | "json") =>
  createRecordOutput({ format, columns: ["node_id"], isColoured: false })([seen]);

describe("names that senders chose, on a terminal", () => {
  it.each([
    ["a table", renderTable([["NODE"], [NAME]])],
    ["nodes list", renderNodes([node])],
    ["nodes show", renderNode(node)],
    ["keys list", renderKeys([key])],
    ["keys create", renderCreated({ row: key, token: undefined }, false)],
    ["quality", renderQuality("today", sum, [shown])],
    ["dlq show", renderDeadLetter(deadLetter)],
    ["tail", recordsAs("table")],
  ])("are escaped by %s", (_, text) => {
    expect(text).toContain(SHOWN);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202E]/u);
    expect(text).not.toMatch(/^forged/m);
  });

  it("are the same in JSON for a program", () => {
    const text = recordsAs("json");
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\u202E]/u);
    expect(JSON.parse(text)).toMatchObject({ key: NAME, value: { node_id: NAME } });
  });

  it("are written to standard output by one function only", () => {
    const files = globSync("commands/**/*.ts", { cwd: import.meta.dirname });
    expect(files.length).toBeGreaterThan(20);
    const past = files.filter((file) =>
      /std(out|err)\.write|console\.\w+\(/.test(
        readFileSync(`${import.meta.dirname}/${file}`, "utf8"),
      ),
    );
    expect(past).toEqual([]);
  });
});
