import { randomBytes } from "node:crypto";

/** A prefix for topics, subjects, groups and keys that no other test has, such as "t3f9a20b1c4d." */
export const testNamespace = (): string => `t${randomBytes(6).toString("hex")}.`;
