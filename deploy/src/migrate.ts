import { postgresSettings } from "@fiberstream/postgres/settings";
import { migrate } from "@fiberstream/provisioning/migrate";
import { retentionSettings } from "@fiberstream/provisioning/retention-settings";
import { accountSettings } from "@fiberstream/provisioning/service-accounts";
import { runStep } from "./steps/run-step.ts";

await runStep({
  name: "migrate",
  description: "Migrate the database to the schema of this version. A missing database is created.",
  settings: { ...postgresSettings(), ...retentionSettings(), ...accountSettings() },
  run: (config, print) =>
    migrate({ databaseUrl: config.databaseUrl, retention: config, passwords: config, print }),
});
