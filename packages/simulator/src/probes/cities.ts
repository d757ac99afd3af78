/** A city with probes. */
export type City = {
  readonly name: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly region: string;
  /** Hours east of UTC, without daylight saving: it shifts the busy evening. */
  readonly utcOffsetHours: number;
  /** Typical round-trip time to a near target in a quiet hour. */
  readonly baseLatencyMs: number;
};

const entry = (
  name: string,
  country: string,
  region: string,
  utcOffsetHours: number,
  baseLatencyMs: number,
): City => ({ name, country, region, utcOffsetHours, baseLatencyMs });

/** In the order in which probes are assigned to cities. */
export const CITIES: readonly City[] = [
  entry("Accra", "GH", "Greater Accra", 0, 38),
  entry("Kumasi", "GH", "Ashanti", 0, 46),
  entry("Lagos", "NG", "Lagos", 1, 41),
  entry("Abuja", "NG", "Federal Capital Territory", 1, 52),
  entry("Nairobi", "KE", "Nairobi County", 3, 35),
  entry("Mombasa", "KE", "Coast", 3, 31),
  entry("Johannesburg", "ZA", "Gauteng", 2, 18),
  entry("Cape Town", "ZA", "Western Cape", 2, 22),
  entry("Cairo", "EG", "Cairo Governorate", 2, 44),
  entry("Dakar", "SN", "Dakar", 0, 49),
  entry("Abidjan", "CI", "Lagunes", 0, 47),
  entry("Kigali", "RW", "Kigali", 2, 40),
  entry("Kampala", "UG", "Central", 3, 45),
  entry("Addis Ababa", "ET", "Addis Ababa", 3, 63),
  entry("Casablanca", "MA", "Casablanca-Settat", 1, 33),
  entry("London", "GB", "England", 0, 8),
  entry("Berlin", "DE", "Berlin", 1, 9),
  entry("Paris", "FR", "Ile-de-France", 1, 8),
  entry("Madrid", "ES", "Community of Madrid", 1, 12),
  entry("Warsaw", "PL", "Masovia", 1, 13),
  entry("Stockholm", "SE", "Stockholm County", 1, 10),
  entry("Istanbul", "TR", "Marmara", 3, 21),
  entry("Dubai", "AE", "Dubai", 4, 17),
  entry("Mumbai", "IN", "Maharashtra", 5.5, 24),
  entry("Bengaluru", "IN", "Karnataka", 5.5, 27),
  entry("Karachi", "PK", "Sindh", 5, 42),
  entry("Singapore", "SG", "Central Region", 8, 6),
  entry("Jakarta", "ID", "Java", 7, 25),
  entry("Manila", "PH", "Metro Manila", 8, 37),
  entry("Tokyo", "JP", "Kanto", 9, 7),
  entry("Seoul", "KR", "Sudogwon", 9, 6),
  entry("Sydney", "AU", "New South Wales", 10, 14),
  entry("Auckland", "NZ", "Auckland", 12, 19),
  entry("New York", "US", "New York", -5, 9),
  entry("Dallas", "US", "Texas", -6, 12),
  entry("San Francisco", "US", "California", -8, 10),
  entry("Toronto", "CA", "Ontario", -5, 11),
  entry("Mexico City", "MX", "Mexico City", -6, 28),
  entry("Bogota", "CO", "Capital District", -5, 34),
  entry("Lima", "PE", "Lima", -5, 36),
  entry("Sao Paulo", "BR", "Sao Paulo", -3, 20),
  entry("Buenos Aires", "AR", "Buenos Aires", -3, 29),
];
