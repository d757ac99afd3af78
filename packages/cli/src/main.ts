import { messageOf } from "@fiberstream/runtime/errors";
import { createFiber } from "./fiber.ts";

try {
  await createFiber().parseAsync();
} catch (error) {
  process.stderr.write(`fiber: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
