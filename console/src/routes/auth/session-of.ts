import type { Asker } from "../../access/reader.ts";
import { Refusal } from "../../answers/refusal.ts";

/**
 * Returns the session of an asker. What is about the account itself takes a session: a token that was stolen is no way to keep it.
 * @throws {Refusal} NOT_ALLOWED
 */
export function sessionOf({ userId, sessionId }: Asker): { userId: string; sessionId: string } {
  if (userId !== undefined && sessionId !== undefined) return { userId, sessionId };
  throw new Refusal("NOT_ALLOWED", "a personal token may not do this: sign in");
}
