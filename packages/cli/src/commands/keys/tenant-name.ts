import { InvalidArgumentError } from "commander";

/** The name of a tenant, as the database takes it. @throws {InvalidArgumentError} */
export function tenantName(text: string): string {
  if (/^[A-Za-z0-9._-]{1,63}$/.test(text)) return text;
  throw new InvalidArgumentError("It takes 1 to 63 letters, digits, dots, dashes and underscores.");
}
