import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** What only the step that makes topics reads. */
export const topicsSettings = () => ({
  setsRetention: setting(
    "TOPICS_SET_RETENTION",
    z.stringbool().default(false),
    "whether topics that are there get the catalogue's retention, also where an operator has set another one",
  ),
});
