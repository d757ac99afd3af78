import { PLACES, type Place } from "./places.ts";
import { createProbe, type Probe } from "./probe.ts";
import { seedOf } from "./random.ts";

/**
 * Probes over the world, the first five in Accra, Kumasi, Lagos, Abuja and Nairobi; where there are more
 * probes than places, several stand in one city.
 *
 * @param options.seed equal seeds give the same probes that behave the same
 * @param options.freshIds a word that makes the node ids new; without it they are stable by seed
 */
export function createFleet(options: {
  probes: number;
  seed: number;
  freshIds?: string;
}): readonly Probe[] {
  const { probes, seed, freshIds } = options;
  return Array.from({ length: probes }, (_, index) => {
    const place = placeOf(index);
    const own = seedOf(seed, index);
    const mark = freshIds ?? seedOf(seed).toString(16).padStart(8, "0");
    return createProbe({
      seed: own,
      nodeId: `${slugOf(place.city)}-${index + 1}-${mark}`,
      place,
    });
  });
}

function placeOf(index: number): Place {
  const place = PLACES[index % PLACES.length];
  if (place === undefined) throw new Error("there are no places");
  return place;
}

const slugOf = (city: string): string => city.toLowerCase().replaceAll(" ", "-");
