import { expect, it } from "@jest/globals";
import avsc from "avsc";
import { createExtraFields } from "./extra-fields.ts";

it("keeps fields of any name", () => {
  const names = ["constructor", "__proto__", "toString"];
  const type = avsc.Type.forSchema({
    type: "record",
    name: "Newer",
    fields: names.map((name) => ({ name, type: "string", default: "" })),
  });
  const avro = Buffer.from("\u0002a\u0002b\u0002c");
  const extraFields = createExtraFields(
    type,
    names.map((name) => ({ name })),
  );
  const json = extraFields(avro, [0, 2, 2, 4, 4, 6])?.toString();
  expect(json).toBe('{"constructor":"a","__proto__":"b","toString":"c"}');
});
