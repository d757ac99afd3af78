import { randomBytes } from "node:crypto";

/** Returns a unique prefix for a test's topics, subjects, groups and keys, such as "t3f9a20b1c4d." */
export const testNamespace = (): string => `t${randomBytes(6).toString("hex")}.`;
