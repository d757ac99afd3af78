import { messageOf } from "@fiberstream/runtime/errors";
import { createFiber } from "./fiber.ts";
import { sayAside } from "@fiberstream/terminal/say";

try {
  await createFiber().parseAsync();
} catch (error) {
  sayAside(`fiber: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
