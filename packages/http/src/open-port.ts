import { isIP } from "node:net";
import { FatalError } from "@fiberstream/runtime/errors";

export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === "localhost" ||
  host === "::1" ||
  (isIP(host) === 4 && host.startsWith("127."));

/**
 * Refuses AUTH_MODE=open on an address that others reach.
 * @param createCommand creates keys for AUTH_MODE=keys
 * @throws {FatalError}
 */
export function refuseOpenPort(
  { host, isOpenOnAnyHost }: { readonly host: string; readonly isOpenOnAnyHost: boolean },
  createCommand: string,
): void {
  if (isLoopback(host) || isOpenOnAnyHost) return;
  throw new FatalError(
    `AUTH_MODE=open is only for a loopback address, and HOST is ${host}`,
    `Set AUTH_MODE=keys and create keys with \`${createCommand}\`, or set HOST=127.0.0.1`,
  );
}
