/** A city where probes stand. */
export type Place = {
  readonly city: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly region: string;
  /** Hours east of UTC, without daylight saving: it shifts the busy evening. */
  readonly utcOffsetHours: number;
  /** Typical round trip to a near target in a quiet hour. */
  readonly baseLatencyMs: number;
};

const place = (
  city: string,
  country: string,
  region: string,
  utcOffsetHours: number,
  baseLatencyMs: number,
): Place => ({ city, country, region, utcOffsetHours, baseLatencyMs });

/** In the order in which probes are set up. */
export const PLACES: readonly Place[] = [
  place("Accra", "GH", "Greater Accra", 0, 38),
  place("Kumasi", "GH", "Ashanti", 0, 46),
  place("Lagos", "NG", "Lagos", 1, 41),
  place("Abuja", "NG", "Federal Capital Territory", 1, 52),
  place("Nairobi", "KE", "Nairobi County", 3, 35),
  place("Mombasa", "KE", "Coast", 3, 31),
  place("Johannesburg", "ZA", "Gauteng", 2, 18),
  place("Cape Town", "ZA", "Western Cape", 2, 22),
  place("Cairo", "EG", "Cairo Governorate", 2, 44),
  place("Dakar", "SN", "Dakar", 0, 49),
  place("Abidjan", "CI", "Lagunes", 0, 47),
  place("Kigali", "RW", "Kigali", 2, 40),
  place("Kampala", "UG", "Central", 3, 45),
  place("Addis Ababa", "ET", "Addis Ababa", 3, 63),
  place("Casablanca", "MA", "Casablanca-Settat", 1, 33),
  place("London", "GB", "England", 0, 8),
  place("Berlin", "DE", "Berlin", 1, 9),
  place("Paris", "FR", "Ile-de-France", 1, 8),
  place("Madrid", "ES", "Community of Madrid", 1, 12),
  place("Warsaw", "PL", "Masovia", 1, 13),
  place("Stockholm", "SE", "Stockholm County", 1, 10),
  place("Istanbul", "TR", "Marmara", 3, 21),
  place("Dubai", "AE", "Dubai", 4, 17),
  place("Mumbai", "IN", "Maharashtra", 5.5, 24),
  place("Bengaluru", "IN", "Karnataka", 5.5, 27),
  place("Karachi", "PK", "Sindh", 5, 42),
  place("Singapore", "SG", "Central Region", 8, 6),
  place("Jakarta", "ID", "Java", 7, 25),
  place("Manila", "PH", "Metro Manila", 8, 37),
  place("Tokyo", "JP", "Kanto", 9, 7),
  place("Seoul", "KR", "Sudogwon", 9, 6),
  place("Sydney", "AU", "New South Wales", 10, 14),
  place("Auckland", "NZ", "Auckland", 12, 19),
  place("New York", "US", "New York", -5, 9),
  place("Dallas", "US", "Texas", -6, 12),
  place("San Francisco", "US", "California", -8, 10),
  place("Toronto", "CA", "Ontario", -5, 11),
  place("Mexico City", "MX", "Mexico City", -6, 28),
  place("Bogota", "CO", "Capital District", -5, 34),
  place("Lima", "PE", "Lima", -5, 36),
  place("Sao Paulo", "BR", "Sao Paulo", -3, 20),
  place("Buenos Aires", "AR", "Buenos Aires", -3, 29),
];
