import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";

/** The envelope of the reference system's answers. */
export const envelope = <Data extends z.ZodType>(data: Data) =>
  z.object({
    status: z.literal("ok"),
    data,
    meta: z.record(z.string(), z.unknown()).nullable(),
  });

export const okAnswer = (data: object, meta: object | null = null) =>
  jsonAnswer(200, { status: "ok", data, meta });

export const DAY_MS = 86_400_000;
