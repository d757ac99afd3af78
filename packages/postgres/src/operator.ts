import { userInfo } from "node:os";
import { readConfig } from "@fiberstream/runtime/config";
import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";
import type { Actor } from "./acting.ts";

/** Who runs commands and deploy steps. */
export const operatorSettings = () => ({
  user: setting(
    "FIBER_USER",
    z.string().trim().min(1).max(200).optional(),
    "who runs the command, for the audit log; not set: the account of this machine",
  ),
});

/** Returns the operator who runs this process. */
export function operator(): Actor {
  return { kind: "operator", id: readConfig(operatorSettings()).user ?? accountOfMachine() };
}

/** A container may run with a number that no account has. */
function accountOfMachine(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
