import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** The settings of everything that talks to the database. */
export const postgresSettings = () => ({
  databaseUrl: setting(
    "DATABASE_URL",
    z
      .url({ protocol: /^postgres(ql)?$/ })
      .default("postgresql://postgres:postgres@localhost:5432/fiberstack"),
    "address of the TimescaleDB database, postgresql://user:password@host:port/database",
  ),
});
