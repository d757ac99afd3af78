import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { possibleRefusal, postgresFailure, RowRefusedError } from "./postgres-errors.ts";

const refusal = (code: string) => Object.assign(new Error("refused"), { code });

describe("postgresFailure", () => {
  it.each([
    "08006",
    "2200H",
    "25006",
    "40001",
    "40P01",
    "53100",
    "53300",
    "55P03",
    "57P01",
    "57P03",
    "XX000",
  ])("waits at SQLSTATE %s", (code) =>
    expect(postgresFailure(refusal(code))).toBeInstanceOf(TransientError),
  );

  it.each(["08P01", "0A000", "54000", "54001", "P0001", "TS999"])(
    "waits at SQLSTATE %s, and considers that a row may be at fault",
    (code) => {
      expect(postgresFailure(refusal(code))).toBeInstanceOf(TransientError);
      expect(possibleRefusal(refusal(code))).toMatchObject({ sqlState: code });
    },
  );

  it.each(["08006", "2200H", "40P01", "42P01", "53100", "57014", "XX000", "28P01"])(
    "blames no row at SQLSTATE %s",
    (code) => expect(possibleRefusal(refusal(code))).toBeUndefined(),
  );

  it("stops if a proxy rejects the startup parameters, with advice", () => {
    const refused = Object.assign(new Error("unsupported startup parameter: options"), {
      code: "08P01",
    });
    expect(postgresFailure(refused)).toMatchObject({
      name: "FatalError",
      message: expect.stringContaining("ignore_startup_parameters") as unknown,
    });
  });

  it.each(["22021", "22P02", "23502", "23505"])("blames the row at SQLSTATE %s", (code) => {
    expect(postgresFailure(refusal(code))).toMatchObject({
      name: "RowRefusedError",
      sqlState: code,
    });
  });

  it.each([
    ["42P01", "Run the migrations"],
    ["42501", "Grant this user"],
    ["28P01", "Check user, password"],
    ["22P03", "Restart the sink"],
    ["22P04", "Restart the sink"],
    ["3D000", "Check user, password"],
  ])("stops at SQLSTATE %s, with advice", (code, advice) => {
    const failure = postgresFailure(refusal(code));
    expect(failure).toBeInstanceOf(FatalError);
    expect(failure.message).toContain(advice);
  });

  it("waits if the connection failed without an answer from PostgreSQL", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    expect(postgresFailure(refused)).toBeInstanceOf(TransientError);
  });

  it("leaves classified errors unchanged", () => {
    const failure = new RowRefusedError("22021", "invalid byte sequence");
    expect(postgresFailure(failure)).toBe(failure);
  });
});
