import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";
import { pipelineSchema, type ReadPipeline } from "./read-pipeline.ts";

/** `GET /api/v1/pipeline`: how far each consumer is, and whether every event is accounted for. */
export const pipelineRoute = ({ readPipeline }: { readPipeline: ReadPipeline }) =>
  route({
    method: "GET",
    path: "/api/v1/pipeline",
    operationId: "pipeline",
    summary: "Returns the lag of each consumer, the sink's offsets and the reconciler's verdicts",
    description: "For keys of all tenants.",
    permission: "pipeline:read",
    cost: 5,
    schemas: { path: nothing, query: nothing },
    success: { status: 200, name: "Pipeline", schema: z.object({ data: pipelineSchema }) },
    codes: ["NOT_ALLOWED"],
    answer: async (_, { scope }) => jsonAnswer(200, { data: await readPipeline(scope) }),
  });
