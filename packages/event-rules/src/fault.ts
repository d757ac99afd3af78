/** The codes of what is wrong with a single event: with the event itself, its line in NDJSON, or its sender's permissions. */
export const FAULT_CODES = [
  "MALFORMED_JSON",
  "REQUIRED",
  "WRONG_TYPE",
  "OUT_OF_RANGE",
  "BAD_FORMAT",
  "TOO_LONG",
  "TOO_OLD",
  "IN_THE_FUTURE",
  "NODE_NOT_ALLOWED",
  "TOO_MANY_NODES",
] as const;
export type FaultCode = (typeof FAULT_CODES)[number];

/** `message` says what was wrong, what is allowed and, where it helps, what to do. */
export type Fault = { readonly code: FaultCode; readonly field?: string; readonly message: string };
