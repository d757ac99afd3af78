import { ALL, GRANTED_ROLES, type GrantedRole } from "@fiberstream/access/grant-table";
import { type Command, InvalidArgumentError, Option } from "commander";
import { pattern } from "../keys/create.ts";
import { tenantName } from "../keys/tenant-name.ts";

/** What is granted; without a tenant or nodes: all. */
export type GrantOptions = {
  readonly role?: GrantedRole;
  readonly tenant: string;
  readonly nodes: string;
};

export const withGrantOptions = (
  command: Command,
  { isRequired }: { isRequired: boolean },
): Command =>
  command
    .addOption(
      new Option("--role <role>", "what they may do; docs/permissions.md says what each role may")
        .choices([...GRANTED_ROLES])
        .makeOptionMandatory(isRequired),
    )
    .option("--tenant <name>", "the tenant that it is for; default: all", tenantName, ALL)
    .option(
      "--nodes <pattern>",
      "the nodes: one node id, or a prefix and *; default: all",
      pattern,
      ALL,
    );

/**
 * Parses the address of the console.
 * @throws {InvalidArgumentError}
 */
function consoleAddress(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? "")) return text.replace(/\/+$/, "");
  throw new InvalidArgumentError("It must be an http or https URL.");
}

export const withConsoleOption = (command: Command): Command =>
  command.option(
    "--console <url>",
    "where people reach the console, for the link",
    consoleAddress,
    "http://localhost:4000",
  );

/** Returns the text of a link that was just made. */
export const linkText = (
  consoleUrl: string,
  { token, expiresAt }: { token: string; expiresAt: Date },
) =>
  `This link signs them in once, until ${expiresAt.toISOString()}; it cannot be shown again:\n\n  ${consoleUrl}/sign-in/link?code=${token}\n`;
