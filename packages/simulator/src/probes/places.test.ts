import { describe, expect, it } from "@jest/globals";
import { PLACES } from "./places.ts";

describe("the places", () => {
  it("begins with the five cities of the reference load", () => {
    expect(PLACES.slice(0, 5).map(({ city }) => city)).toEqual([
      "Accra",
      "Kumasi",
      "Lagos",
      "Abuja",
      "Nairobi",
    ]);
  });

  it("covers many countries with codes that the gateway takes", () => {
    const countries = new Set(PLACES.map(({ country }) => country));
    expect(countries.size).toBeGreaterThan(30);
    for (const country of countries) expect(country).toMatch(/^[A-Z]{2}$/);
  });
});
