import { FatalError, TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { isFenced, kafkaFailure } from "./kafka-errors.ts";

const protocolError = (type: string) => Object.assign(new Error(type), { type });
const wrapped = (cause: Error) => new Error("retries exceeded", { cause });

describe("kafkaFailure", () => {
  it.each(["NOT_LEADER_FOR_PARTITION", "NOT_ENOUGH_REPLICAS", "INVALID_PRODUCER_EPOCH"])(
    "takes %s as transient",
    (type) => {
      const failure = kafkaFailure(protocolError(type));
      expect(failure).toBeInstanceOf(TransientError);
      expect(failure).toMatchObject({ dependency: "kafka" });
    },
  );

  it("takes what it does not know as transient, so that nothing is lost", () => {
    expect(kafkaFailure(new Error("socket hang up"))).toBeInstanceOf(TransientError);
  });

  it("finds the fatal cause under the client's own wrapping, with advice", () => {
    const failure = kafkaFailure(wrapped(wrapped(protocolError("TOPIC_AUTHORIZATION_FAILED"))));
    expect(failure).toBeInstanceOf(FatalError);
    expect(failure).toMatchObject({ advice: "Grant this user access to the topic" });
  });

  it("tells a login that broke off from one that was refused", () => {
    const failed = (reason: string) =>
      kafkaFailure(
        Object.assign(new Error(`SASL SCRAM SHA512 authentication failed: ${reason}`), {
          name: "KafkaJSSASLAuthenticationError",
        }),
      );
    expect(failed("Closed connection")).toBeInstanceOf(TransientError);
    expect(failed("Authentication failed due to invalid credentials")).toBeInstanceOf(FatalError);
  });

  it("leaves what is classified already as it is", () => {
    const failure = new TransientError("registry", "away");
    expect(kafkaFailure(failure)).toBe(failure);
  });

  it("tells a fence, however deep", () => {
    expect(isFenced(wrapped(protocolError("INVALID_PRODUCER_EPOCH")))).toBe(true);
    expect(isFenced(protocolError("NOT_LEADER_FOR_PARTITION"))).toBe(false);
  });
});
