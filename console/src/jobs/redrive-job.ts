import type { BoundedReader } from "@fiberstream/kafka/bounded-reader";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { replayDeadLetters, ReplayTakenOverError } from "@fiberstream/kafka/replay-dead-letters";
import type { ReplayCounts } from "@fiberstream/kafka/replay-selection";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { TransientError } from "@fiberstream/runtime/errors";
import { z } from "zod";
import { dlqFilter, letterFilter } from "../letters/letter-filter.ts";
import type { FindOwners } from "../letters/letter-owners.ts";
import type { DoJob } from "./run-jobs.ts";

const MAX_LETTERS = 1_000;

/** The body of a redrive, which is also what the job keeps; times are absolute by then. */
export const redriveRequest = z.strictObject({
  dry_run: z.boolean().describe("true: count what would be sent, and send nothing."),
  filter: z
    .strictObject(letterFilter)
    .optional()
    .describe("Which letters; {}: all. Either filter or letters."),
  letters: z
    .array(
      z.strictObject({
        partition: z.number().int().min(0).max(1_000_000),
        offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
      }),
    )
    .min(1)
    .max(MAX_LETTERS)
    .optional()
    .describe("Which letters, by their positions in the dead-letter topic."),
  limit: z
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe("How many to send at most. Default: all."),
  rate: z.number().int().min(1).max(10_000).default(500).describe("How many to send per second."),
  max_replays: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(3)
    .describe("Letters that were redriven so often before are left out."),
  from_start: z
    .boolean()
    .default(false)
    .describe("Also send letters that an earlier redrive with the same filter has sent."),
});
export type RedriveRequest = z.output<typeof redriveRequest>;

/** Sends dead letters back, as `fiber dlq replay` does: a job and a command with the same filter share their progress. */
export const createRedriveJob =
  (options: {
    kafka: KafkaClient;
    reader: BoundedReader;
    namespace: string;
    findOwners: FindOwners;
    countRedriven: (letters: number) => void;
  }): DoJob =>
  async (job, { report, stopping }) => {
    const { kafka, reader, namespace, findOwners, countRedriven } = options;
    const request = redriveRequest.parse(job.request);
    const { filter = {}, letters } = request;
    const topic = topicIn(namespace, "probe.metrics.dead-letter");
    const done = await replayDeadLetters(
      { kafka, namespace, topic, reader },
      {
        filter: {
          ...dlqFilter(filter, namespace),
          letters: letters?.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
        },
        // What fails again meanwhile is for another job.
        failedBefore: Date.parse(job.created_at),
        ...(job.tenant !== null && { owned: ownedBy(job.tenant, findOwners) }),
        dryRun: job.dry_run,
        limit: request.limit,
        rate: job.dry_run ? undefined : request.rate,
        maxReplays: request.max_replays,
        fromStart: request.from_start,
        run: job.job_id,
        onProgress: ({ counts, sent, processed, total }) => {
          if (!job.dry_run) countRedriven(sent);
          report({ done: Number(processed), total: Number(total), ...namesOf(counts) });
        },
        stopping,
      },
    ).catch((error: unknown) => {
      // The other one, in a terminal, ends when this one begins again.
      if (!(error instanceof ReplayTakenOverError)) throw error;
      throw new TransientError("kafka", error.message, { cause: error });
    });
    return namesOf(done);
  };

const ownedBy = (tenant: string, findOwners: FindOwners) => ({
  name: tenant,
  check: async (letters: Parameters<FindOwners>[0]) => {
    const ownerOf = await findOwners(letters);
    return (letter: (typeof letters)[number]) => ownerOf(letter)?.tenant === tenant;
  },
});

/** The counts by the names that answers have. */
const namesOf = ({ replayed, quarantined, doubles, cut, foreign }: ReplayCounts) => ({
  redriven: replayed,
  skipped_replayed_too_often: quarantined,
  skipped_written_twice: doubles,
  skipped_cut: cut,
  skipped_foreign_topic: foreign,
});
