import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** Settings of the deploy step that creates topics. */
export const topicsSettings = () => ({
  setsRetention: setting(
    "TOPICS_SET_RETENTION",
    z.stringbool().default(false),
    "set the retention of existing topics to that of the catalogue, also if an operator has changed it",
  ),
  beginsAgain: setting(
    "TOPICS_BEGIN_AGAIN",
    z.stringbool().default(false),
    "delete schemas of a version from before the schemas began again with version 1; records written with them can still be read",
  ),
});
