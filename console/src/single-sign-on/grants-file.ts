import { readFile, stat } from "node:fs/promises";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { z } from "zod";
import { ROLES } from "../access/permissions.ts";
import { ALL } from "../access/scope.ts";

/** What a group gives; `*`: for all tenants, for all nodes. */
export type GroupGrant = z.output<typeof GRANT>;

const GRANT = z.strictObject({
  role: z.enum(ROLES),
  tenant: z
    .string()
    .regex(
      /^(?:\*|[A-Za-z0-9._-]{1,63})$/,
      "must be * or a tenant's name: 1 to 63 of letters, digits, . _ -",
    )
    .default(ALL),
  nodes: z
    .string()
    .regex(/^(?!$)[^*]{0,50}\*?$/, "must be *, a node id, or a prefix of one followed by *")
    .default(ALL),
});

const MAX_GRANTS = 100;
const MAX_GROUPS = 10_000;
const MAX_BYTES = 1024 * 1024;

const GRANTS = z.array(GRANT).max(MAX_GRANTS);
const GRANTS_FILE = z.strictObject({
  /** For everybody whom the provider signs in. */
  everybody: GRANTS.default([]),
  groups: z
    .record(z.string().min(1).max(256), GRANTS)
    .refine((groups) => Object.keys(groups).length <= MAX_GROUPS, `has over ${MAX_GROUPS} groups`)
    .default({}),
});

/** Which groups have which grants. */
export type GroupGrants = z.output<typeof GRANTS_FILE>;

export type GrantsFile = {
  /** Returns the content of now; of the last valid file if the one of now is none. */
  readonly read: () => Promise<GroupGrants>;
};

/**
 * Reads the file, and again at each sign-in: it is small, sign-ins are few, and a mounted ConfigMap changes its time in
 * unusual ways. An edit that makes the file invalid is reported and ignored, so that it does not lock everybody out.
 *
 * @param options.reportValid called after each reading
 * @throws {FatalError} for a file that is invalid at the start
 */
export async function openGrantsFile(options: {
  path: string;
  reportValid: (isValid: boolean) => void;
  log: Log;
}): Promise<GrantsFile> {
  const { path, reportValid, log } = options;
  let text: string;
  let valid: GroupGrants;
  try {
    text = await readText(path);
    valid = parseGrants(text);
  } catch (error) {
    throw new FatalError(
      `the file of OIDC_GRANTS_FILE cannot be used: ${messageOf(error)}`,
      "Correct it; docs/single-sign-on.md has an example",
    );
  }
  reportValid(true);
  let ignored: string | undefined;

  return {
    read: async () => {
      try {
        const newest = await readText(path);
        if (newest !== text) {
          valid = parseGrants(newest);
          text = newest;
          log.info({ path, groups: Object.keys(valid.groups).length }, "grants of groups changed");
        }
        ignored = undefined;
        reportValid(true);
      } catch (error) {
        const reason = messageOf(error);
        if (reason !== ignored) log.error({ path, reason }, "invalid grants of groups ignored");
        ignored = reason;
        reportValid(false);
      }
      return valid;
    },
  };
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, and may have ${MAX_BYTES}`);
  return readFile(path, "utf8");
}

/** How many faults of a file are named. */
const MAX_FAULTS = 5;

/** @throws an error that names each fault and where it is */
export function parseGrants(text: string): GroupGrants {
  const result = GRANTS_FILE.safeParse(jsonOf(text));
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, MAX_FAULTS)
    .map(({ path, message }) => `${path.length === 0 ? "the file" : path.join(".")}: ${message}`);
  throw new Error(faults.join("; "));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`it is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
