import { availableParallelism } from "node:os";

// Tests run on Node's own TypeScript support, as the services do: the transform only strips types.
export default {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/packages/testkit/jest/strip-types.mjs" },
  // Tests wait for facts and name the one that never came; this only ends what hangs without waiting.
  testTimeout: 90_000,
  // Tests with backing services wait more than they compute.
  maxWorkers: availableParallelism() + 1,
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "/\\.fiberstream/"],
  testSequencer: "<rootDir>/packages/testkit/jest/services-first.mjs",
  globalSetup: "<rootDir>/packages/testkit/jest/backing-services-up.mjs",
  globalTeardown: "<rootDir>/packages/testkit/jest/backing-services-down.mjs",
  reporters: ["default", "<rootDir>/packages/testkit/jest/closing-line.mjs"],
};
