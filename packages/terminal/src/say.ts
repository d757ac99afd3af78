import { terminalLines } from "@fiberstream/runtime/terminal-text";

/**
 * Prints lines. Every command but `tail`, which has colours of its own, prints by this: whatever senders have put
 * into a name, a terminal shows it and does not obey it.
 */
export const say = (text: string): void => void process.stdout.write(terminalLines(text));

/** Prints lines beside the result. */
export const sayAside = (text: string): void => void process.stderr.write(terminalLines(text));
