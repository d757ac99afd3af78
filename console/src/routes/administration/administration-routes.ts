import type { ChangeAs } from "../../administration/change-as.ts";
import type { ChangeRoutes } from "../../administration/change-routes.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import type { Route } from "../route.ts";
import { approvalsRoutes } from "./approvals.ts";
import { changeGrantsRoutes } from "./change-grants.ts";
import { changeKeysRoutes } from "./change-keys.ts";
import { changeReaderKeysRoutes } from "./change-reader-keys.ts";
import { changeUsersRoutes } from "./change-users.ts";
import { readKeysRoutes } from "./read-keys.ts";
import { readUsersRoutes } from "./read-users.ts";
import { retentionRoutes } from "./retention.ts";
import { sessionsOfUsersRoutes } from "./sessions-of-users.ts";
import { tenantLimitsRoutes } from "./tenant-limits.ts";

/** The routes of administrators: people, keys, limits, retention, and what waits for a second person. */
export const administrationRoutes = (sources: {
  readonly ask: Ask;
  readonly cursors: Cursors;
  readonly changeAs: ChangeAs;
  readonly changing: ChangeRoutes;
}): Route[] => {
  const { ask, cursors, changeAs, changing } = sources;
  return [
    ...readUsersRoutes({ ask, cursors }),
    ...changeUsersRoutes(changing),
    ...changeGrantsRoutes(changing),
    ...sessionsOfUsersRoutes({ changeAs }),
    ...readKeysRoutes({ ask, cursors }),
    ...changeKeysRoutes(changing),
    ...changeReaderKeysRoutes(changing),
    ...tenantLimitsRoutes(changing, ask),
    ...retentionRoutes(changing, ask),
    ...approvalsRoutes({ ask, cursors, changeAs, operations: changing.operations }),
  ];
};
