/** What child processes get: this process's own environment, and settings on top. */
export const childEnvironment = (
  settings: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv => ({
  // The local start's default only; whoever sets it means it.
  AUTH_MODE: "open",
  ...process.env,
  ...settings,
});
