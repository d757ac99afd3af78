import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** The settings of everything that talks to Redis. */
export const redisSettings = () => ({
  redisUrl: setting(
    "REDIS_URL",
    z.url({ protocol: /^rediss?$/ }).default("redis://localhost:6379"),
    "address of Redis, redis://[user:password@]host:port",
  ),
});
