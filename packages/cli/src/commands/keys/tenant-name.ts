import { InvalidArgumentError } from "commander";

/**
 * Parses the name of a tenant, by the database's rule.
 * @throws {InvalidArgumentError}
 */
export function tenantName(text: string): string {
  if (/^[A-Za-z0-9._-]{1,63}$/.test(text)) return text;
  throw new InvalidArgumentError(
    "It must be 1 to 63 letters, digits, dots, dashes and underscores.",
  );
}
