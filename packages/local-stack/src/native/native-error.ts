/** A backing service cannot be installed or started on this machine. The message says what to do. */
export class NativeError extends Error {
  override readonly name = "NativeError";
}
