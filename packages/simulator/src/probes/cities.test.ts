import { describe, expect, it } from "@jest/globals";
import { CITIES } from "./cities.ts";

describe("the cities", () => {
  it("begin with the five cities of the reference load", () => {
    expect(CITIES.slice(0, 5).map(({ name }) => name)).toEqual([
      "Accra",
      "Kumasi",
      "Lagos",
      "Abuja",
      "Nairobi",
    ]);
  });

  it("are in many countries, with codes that the gateway accepts", () => {
    const countries = new Set(CITIES.map(({ country }) => country));
    expect(countries.size).toBeGreaterThan(30);
    for (const country of countries) expect(country).toMatch(/^[A-Z]{2}$/);
  });
});
