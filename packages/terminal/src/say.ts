import { terminalLines } from "@fiberstream/runtime/terminal-text";

/**
 * Prints lines with control characters escaped, because names come from senders. Every command prints with this
 * function, except `tail`, which prints its own colours.
 */
export const say = (text: string): void => void process.stdout.write(terminalLines(text));

/** Prints lines to standard error, apart from the result. */
export const sayAside = (text: string): void => void process.stderr.write(terminalLines(text));
