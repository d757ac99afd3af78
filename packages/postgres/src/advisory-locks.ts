/**
 * The advisory locks that FiberStream takes in its database, each with a number of its own. They are PostgreSQL's, so
 * they hold across all processes of one database; the numbers are arbitrary and never change, because two versions run
 * side by side during an upgrade.
 */
export const ADVISORY_LOCKS = {
  /** Sets retention and compression policies (the migrations). */
  dataLifecycle: "4130772501",
  /** Drops chunks past retention where TimescaleDB does not (the sink). */
  dropChunks: "4130772502",
  /** Closes the reconciliation books (the sink). */
  reconcile: "4130772503",
  /** Measures data quality (the sink). */
  measureQuality: "4130772504",
  /** Computes roll-ups, and drops what they have counted (the sink; functions of the migrations take it). */
  rollUps: "4130772518",
  /** Shared by statements that delete rows of metrics or change them; sealing waits for these (functions of the migrations take it). */
  deleteRows: "4130772519",
  /** Publishes changes of nodes to Kafka (the processor). */
  publishNodes: "1179210579, 1",
  /** Publishes and signs the audit trail (the auditor). */
  keepAuditTrail: "4130772532",
  /** Imports a file, one at a time (fiber import). */
  importFile: "4130772511",
  /** Erases rows, one erasure at a time (fiber erase). */
  eraseRows: "4130772512",
  /** Takes grants away or disables users, one at a time, so that an admin is left (the console, fiber users). */
  changeAdmins: "4130772531",
} as const;
