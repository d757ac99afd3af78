import { setting, wholeNumber } from "@fiberstream/runtime/settings";

const days = (byDefault: number) => wholeNumber({ min: 1, max: 36_500 }).default(byDefault);

/** Settings of retention, compression and chunks. */
export const retentionSettings = () => ({
  chunkMinutes: setting(
    "METRICS_CHUNK_MINUTES",
    wholeNumber({ min: 1, max: 525_600 }).default(10_080),
    "minutes of metrics in one new chunk, whose index should fit into memory",
  ),
  compressAfterDays: setting(
    "COMPRESS_AFTER_DAYS",
    days(3),
    "age in days after which metrics are compressed (Community edition)",
  ),
  keepRawDays: setting("RETENTION_RAW_DAYS", days(7), "retention of metrics in days"),
  keepMinutesDays: setting(
    "RETENTION_MINUTES_DAYS",
    days(30),
    "retention of roll-ups of 1 and 5 minutes in days",
  ),
  keepHoursDays: setting("RETENTION_HOURLY_DAYS", days(90), "retention of hourly roll-ups in days"),
  keepDaysDays: setting("RETENTION_DAILY_DAYS", days(365), "retention of daily roll-ups in days"),
  keepConflictsDays: setting(
    "RETENTION_CONFLICTS_DAYS",
    days(90),
    "retention of conflicting events in days; if it is shorter than the topic's 30 days, a rewind stores them again",
  ),
  keepHistoryDays: setting(
    "RETENTION_HISTORY_DAYS",
    days(365),
    "retention of the alerts of nodes, and of what else the console shows as changes, in days",
  ),
});
