import { lines, type Row } from "./panel.ts";
import { processQueries } from "./quantiles.ts";

/** CPU, memory and event loop of a service, a line for each process. */
export function processRow(job: string): Row {
  const { cpu, memory, eventLoop } = processQueries(job);
  return {
    title: "Processes",
    panels: [
      lines({
        title: "CPU",
        description:
          "In cores. A process cannot use much more than 1; if it is near that, start another process",
        queries: [cpu],
      }),
      lines({ title: "Memory", description: "Resident", unit: "bytes", queries: [memory] }),
      lines({
        title: "Event loop delay, p99",
        description: "Above 100 ms: something blocks the process",
        unit: "s",
        limit: { warnAt: 0.1 },
        queries: [eventLoop],
      }),
    ],
  };
}
