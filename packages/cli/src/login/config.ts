import { homedir } from "node:os";
import { join } from "node:path";

/** Returns the file with the token of `fiber login`, in the user's configuration folder. */
export function credentialsPath(environment: NodeJS.ProcessEnv = process.env): string {
  const config = environment["XDG_CONFIG_HOME"];
  return join(config ? config : join(homedir(), ".config"), "fiberstream", "credentials.json");
}
