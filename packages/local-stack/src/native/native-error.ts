/** A backing service of the platform cannot be had or started on this machine. The message says what to do. */
export class NativeError extends Error {
  override readonly name = "NativeError";
}
