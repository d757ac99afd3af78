import { terminalText } from "@fiberstream/runtime/terminal-text";

/** Fields that every line has. */
const FRAME = new Set(["@timestamp", "log.level", "message", "service.name", "ecs.version"]);
const DROPPED = new Set(["process", "host", "log", "service", "ecs", "event"]);

/**
 * Returns a service's JSON log line for people: time, level, message, fields. A line that is not JSON (such as a
 * stack trace of Node.js) is not changed.
 */
export function readableLine(line: string): string {
  const entry = parseEntry(line);
  if (!entry) return line;
  const time = textOf(entry["@timestamp"]).slice(11, 23);
  const level = textOf(entry["log.level"]).toUpperCase().padEnd(5);
  const fields = Object.entries(entry)
    .filter(([name]) => !FRAME.has(name) && !DROPPED.has(name.split(".", 1)[0] ?? ""))
    .map(([name, value]) => `${name}=${textOf(value)}`);
  return [time, level, textOf(entry["message"]), ...fields].join(" ").trimEnd();
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string =>
  terminalText(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
