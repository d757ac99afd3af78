/** What is wrong with a request to change keys, people or their grants. */
export type FaultKind =
  /** There is no such row. */
  | "missing"
  /** Its state does not allow it: revoked, expired, without a secret. */
  | "state"
  /** Its nodes belong to another tenant. */
  | "nodes-of-another-tenant"
  /** A name or subject is in use already. */
  | "taken"
  /** Nobody would be left who may change grants. */
  | "last-admin";

/** A change that the rules of access do not allow; the message says why, and what to do. */
export class AccessFault extends Error {
  override readonly name = "AccessFault";
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
