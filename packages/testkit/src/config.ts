/** The environment variable with the addresses, from the test run to its workers. */
export const ADDRESSES_VARIABLE = "FIBERSTREAM_TEST_ADDRESSES";

export const readAddressesVariable = (): string | undefined => process.env[ADDRESSES_VARIABLE];

export function setAddresses(addresses: string): void {
  process.env[ADDRESSES_VARIABLE] = addresses;
}

/** Returns the version of Kafka of this run, if it is another than that of `npm start`. */
export function kafkaVersion(): { readonly version?: string } {
  const version = process.env["TEST_KAFKA_VERSION"];
  return version === undefined || version === "" ? {} : { version };
}

/** Returns the environment that services inherit in tests: where programs are, but no settings. */
export const inheritedEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: process.env["HOME"],
  TMPDIR: process.env["TMPDIR"],
});
