/** Returns the environment of a child process: that of this process, with settings on top. */
export const childEnvironment = (
  settings: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv => ({
  // A default for the local start; a value in the environment overrides it.
  AUTH_MODE: "open",
  ...process.env,
  ...settings,
});
