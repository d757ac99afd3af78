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
    ["[::1]:9092", "give an IPv6 address a name"],
    ["a:9092,[fd00::1]:9092", "give an IPv6 address a name"],
    ["a", "takes host:port"],
    [",", "takes host:port"],
  ])("refuses %j", (list, reason) => {
    expect(() => read(list)).toThrow(reason);
  });
});
