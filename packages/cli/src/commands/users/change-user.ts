import { lockUserCalled, type UserRow } from "@fiberstream/access/user-table";
import type { PgClient } from "@fiberstream/postgres/pool";
import { changeAsOperator } from "../../tables/with-pool.ts";

/**
 * Changes a user in a transaction. A try that fails is an entry of the audit log, which has no names of people: its object is the user's
 * id once that is known.
 *
 * @param options.called name of a local user, or id
 * @param work gets what looks the user up, and locks the row
 */
export function changeUser<T>(
  { action, called }: { action: string; called: string },
  work: (client: PgClient, lockUser: () => Promise<UserRow>) => Promise<T>,
): Promise<T> {
  const attempt = { action, objectKind: "user", object: "(user)" };
  return changeAsOperator(attempt, (client) =>
    work(client, async () => {
      const user = await lockUserCalled(client, called);
      attempt.object = user.user_id;
      return user;
    }),
  );
}
