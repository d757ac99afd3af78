import { readSettings } from "@fiberstream/runtime/settings";
import { describe, expect, it } from "@jest/globals";
import { kafkaSettings } from "./settings.ts";

const read = (brokers: string) => readSettings(kafkaSettings(), { KAFKA_BROKERS: brokers });

describe("KAFKA_BROKERS", () => {
  it.each([
    ["a:9092", ["a:9092"]],
    ["a:9092, b:9093", ["a:9092", "b:9093"]],
    ["a:9092,b:9093,", ["a:9092", "b:9093"]],
  ])("takes %j", (list, brokers) => {
    expect(read(list).kafkaBrokers).toEqual(brokers);
  });

  it.each([
    ["[::1]:9092", "for an IPv6 address use a host name"],
    ["a:9092,[fd00::1]:9092", "for an IPv6 address use a host name"],
    ["a", "must be host:port"],
    [",", "must be host:port"],
  ])("refuses %j", (list, reason) => {
    expect(() => read(list)).toThrow(reason);
  });
});
