import type { Breaker } from "@fiberstream/kafka/breaker";
import type { AdminServer } from "@fiberstream/runtime/admin-server";

/** Lets operators see and reset the breaker at the admin port: what `fiber breaker` asks. */
export function addBreakerRoutes(admin: Pick<AdminServer, "route">, breaker: Breaker): void {
  admin.route("GET /breaker", () => ({ open: breaker.open() }));
  admin.route("POST /breaker/reset", (query) => {
    const partition = query.get("partition");
    return { reset: breaker.reset(partition === null ? undefined : Number(partition)) };
  });
}
