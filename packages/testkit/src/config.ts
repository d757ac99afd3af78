/** The variable by which the test run tells its workers where the parts are. */
export const ADDRESSES_VARIABLE = "FIBERSTREAM_TEST_ADDRESSES";

export const givenAddresses = (): string | undefined => process.env[ADDRESSES_VARIABLE];

export function giveAddresses(addresses: string): void {
  process.env[ADDRESSES_VARIABLE] = addresses;
}

/** What services inherit in tests: where programs are, and nothing that would set them up. */
export const inheritedEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: process.env["HOME"],
  TMPDIR: process.env["TMPDIR"],
});
