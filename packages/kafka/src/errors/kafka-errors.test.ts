import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { isFenced, kafkaFailure } from "./kafka-errors.ts";

const protocolError = (type: string) => Object.assign(new Error(type), { type });
const wrapped = (cause: Error) => new Error("retries exceeded", { cause });

describe("kafkaFailure", () => {
  it.each(["NOT_LEADER_FOR_PARTITION", "NOT_ENOUGH_REPLICAS", "INVALID_PRODUCER_EPOCH"])(
    "treats %s as transient",
    (type) => {
      const failure = kafkaFailure(protocolError(type));
      expect(failure).toBeInstanceOf(TransientError);
      expect(failure).toMatchObject({ dependency: "kafka" });
    },
  );

  it("treats unknown errors as transient, so that nothing is lost", () => {
    expect(kafkaFailure(new Error("socket hang up"))).toBeInstanceOf(TransientError);
  });

  it("finds the fatal cause inside the client's own errors, and adds advice", () => {
    const failure = kafkaFailure(wrapped(wrapped(protocolError("TOPIC_AUTHORIZATION_FAILED"))));
    expect(failure).toBeInstanceOf(FatalError);
    expect(failure).toMatchObject({ advice: "Grant this user access to the topic" });
  });

  it("distinguishes an interrupted login from a rejected one", () => {
    const failed = (reason: string) =>
      kafkaFailure(
        Object.assign(new Error(`SASL SCRAM SHA512 authentication failed: ${reason}`), {
          name: "KafkaJSSASLAuthenticationError",
        }),
      );
    expect(failed("Closed connection")).toBeInstanceOf(TransientError);
    expect(failed("Authentication failed due to invalid credentials")).toBeInstanceOf(FatalError);
  });

  it("leaves classified errors unchanged", () => {
    const failure = new TransientError("registry", "away");
    expect(kafkaFailure(failure)).toBe(failure);
  });

  it("recognizes a fenced producer in nested causes", () => {
    expect(isFenced(wrapped(protocolError("INVALID_PRODUCER_EPOCH")))).toBe(true);
    expect(isFenced(protocolError("NOT_LEADER_FOR_PARTITION"))).toBe(false);
  });
});
