import { CITIES, type City } from "./cities.ts";
import { createProbe, type Probe } from "./probe.ts";
import { seedOf } from "./random.ts";

/**
 * Creates probes all over the world, the first five in Accra, Kumasi, Lagos, Abuja and Nairobi. If there are more
 * probes than cities, several are in one city.
 *
 * @param options.seed the same seed creates the same probes with the same measurements
 * @param options.freshIds a text that makes the node ids unique; without it they depend only on the seed
 */
export function createFleet(options: {
  probes: number;
  seed: number;
  freshIds?: string;
}): readonly Probe[] {
  const { probes, seed, freshIds } = options;
  return Array.from({ length: probes }, (_, index) => {
    const city = cityOf(index);
    const own = seedOf(seed, index);
    const mark = freshIds ?? seedOf(seed).toString(16).padStart(8, "0");
    return createProbe({
      seed: own,
      nodeId: `${slugOf(city.name)}-${index + 1}-${mark}`,
      city,
    });
  });
}

function cityOf(index: number): City {
  const city = CITIES[index % CITIES.length];
  if (city === undefined) throw new Error("the list of cities is empty");
  return city;
}

const slugOf = (city: string): string => city.toLowerCase().replaceAll(" ", "-");
