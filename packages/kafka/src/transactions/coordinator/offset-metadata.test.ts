import { describe, expect, it } from "@jest/globals";
import { readOffsetMetadata, writeOffsetMetadata } from "./offset-metadata.ts";

const LOG = {
  clusterId: "5L6g3nShT-eMCtK--X86sw",
  topicId: "0f8fad5b-d9cb-469f-a165-70867728950e",
};
const COMMITTER = { processId: "7c9e6679-7425-40de-944b-e07fc1f90ae7", idNumbers: [0, 3, 12] };

describe("offset metadata", () => {
  it.each(["", "windows from=12 clock=1700000000000", "a=b by=hand", "two\nlines"])(
    "returns the text %j",
    (text) => {
      const all = { text, log: LOG, committer: COMMITTER };
      expect(readOffsetMetadata(writeOffsetMetadata(all))).toEqual(all);
      const bare = { text, log: undefined, committer: undefined };
      expect(readOffsetMetadata(writeOffsetMetadata(bare))).toEqual(bare);
    },
  );

  it.each([
    [[0], "0"],
    [[0, 1, 3, 4], "0.1.3.4"],
    [[0, 1, 2, 3, 15], "0-3.15"],
    [[1, 5, 6, 7, 40, 41, 42], "1.5-7.40-42"],
  ])("writes the id numbers %j as %s", (idNumbers, written) => {
    const committer = { ...COMMITTER, idNumbers };
    const stored = writeOffsetMetadata({ text: "", log: undefined, committer });
    expect(stored).toBe(` by=${COMMITTER.processId}/${written}`);
    expect(readOffsetMetadata(stored).committer).toEqual(committer);
  });

  it("of earlier versions and of tools is returned as text", () => {
    for (const text of [
      "windows from=1 clock=2",
      "by=",
      "log=",
      "x by=someone/",
      "x by=someone/1-",
      "x by=someone/0-99999999",
      "moved by a tool",
    ]) {
      expect(readOffsetMetadata(text)).toEqual({ text, log: undefined, committer: undefined });
    }
  });
});
