import { setting, wholeNumber } from "@fiberstream/runtime/settings";

const days = (byDefault: number) => wholeNumber({ min: 1, max: 36_500 }).default(byDefault);

/** How long data is kept and when it is compressed, in days, and in what pieces. */
export const retentionSettings = () => ({
  chunkMinutes: setting(
    "METRICS_CHUNK_MINUTES",
    wholeNumber({ min: 1, max: 525_600 }).default(10_080),
    "minutes of metrics in one chunk from now on, whose index should fit in memory",
  ),
  compressAfterDays: setting(
    "COMPRESS_AFTER_DAYS",
    days(3),
    "age in days from which metrics are compressed (Community edition)",
  ),
  keepRawDays: setting("RETENTION_RAW_DAYS", days(7), "days for which single metrics are kept"),
  keepMinutesDays: setting(
    "RETENTION_MINUTES_DAYS",
    days(30),
    "days for which aggregates of 1 and 5 minutes are kept (Community edition)",
  ),
  keepHoursDays: setting(
    "RETENTION_HOURLY_DAYS",
    days(90),
    "days for which hourly aggregates are kept (Community edition)",
  ),
  keepDaysDays: setting(
    "RETENTION_DAILY_DAYS",
    days(365),
    "days for which daily aggregates are kept (Community edition)",
  ),
  keepConflictsDays: setting(
    "RETENTION_CONFLICTS_DAYS",
    days(90),
    "days for which events in conflict are kept; shorter than the topic's 30 days, what is read again is kept again",
  ),
});
