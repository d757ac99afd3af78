/** The variable by which the test run tells its workers where the backing services are. */
export const ADDRESSES_VARIABLE = "FIBERSTREAM_TEST_ADDRESSES";

export const givenAddresses = (): string | undefined => process.env[ADDRESSES_VARIABLE];

export function giveAddresses(addresses: string): void {
  process.env[ADDRESSES_VARIABLE] = addresses;
}

/** The Kafka that the run is on, where it is another than the one that `npm start` has. */
export function kafkaVersion(): { readonly version?: string } {
  const version = process.env["TEST_KAFKA_VERSION"];
  return version === undefined || version === "" ? {} : { version };
}

/** What services inherit in tests: where programs are, and nothing that would set them up. */
export const inheritedEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: process.env["HOME"],
  TMPDIR: process.env["TMPDIR"],
});
