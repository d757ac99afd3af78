/** The bytes of a request, of which some fields are rewritten for each request. */
export type RequestTemplate = {
  readonly eventsPerRequest: number;
  /**
   * Writes the next events into the request. It returns the same buffer every time, which has to be written to the
   * socket before the next call.
   *
   * @param nowMicros us since 1970; an event's time is this, or the next one that is not used yet
   * @param marked index of the event whose identity is returned
   */
  readonly fill: (nowMicros: number, marked: number) => { request: Buffer; event: EventIdentity };
};

/** Enough to find an event's row by the unique index. */
export type EventIdentity = { readonly nodeId: string; readonly micros: number };

const NODE_DIGITS = 7;
const NODE_PREFIX = "bench-";
const NO_NODE = `${NODE_PREFIX}${"0".repeat(NODE_DIGITS)}`;
const NO_TIME = "2000-01-01T00:00:00.000000Z";
const SECOND_CHARACTERS = "2000-01-01T00:00:00.".length;

/** Creates requests with about 280 bytes per event. Nodes take turns; no two events are the same. */
export function createRequestTemplate(options: {
  eventsPerRequest: number;
  nodes: number;
}): RequestTemplate {
  const { eventsPerRequest, nodes } = options;
  const events = Array.from({ length: eventsPerRequest }, (_, at) => eventLike(at));
  const body = JSON.stringify(eventsPerRequest === 1 ? events[0] : { metrics: events });
  const head = [
    `POST /api/${eventsPerRequest === 1 ? "push" : "ingest"} HTTP/1.1`,
    "Host: bench",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  const request = Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`, "latin1");
  const nodeAt = offsetsOf(request, NO_NODE).map((offset) => offset + NODE_PREFIX.length);
  const timeAt = offsetsOf(request, NO_TIME);
  let node = 0;
  let micros = 0;
  let second = NaN;
  let secondText = "";

  return {
    eventsPerRequest,
    fill: (nowMicros, marked) => {
      let event: EventIdentity = { nodeId: "", micros: 0 };
      for (let at = 0; at < eventsPerRequest; at++) {
        micros = Math.max(micros + 1, nowMicros);
        const eventSecond = Math.floor(micros / 1e6);
        if (eventSecond !== second) {
          second = eventSecond;
          secondText = new Date(second * 1_000).toISOString().slice(0, SECOND_CHARACTERS);
        }
        const timePlace = timeAt[at] ?? 0;
        request.write(secondText, timePlace, "latin1");
        writeDigits(request, { at: timePlace + SECOND_CHARACTERS, value: micros % 1e6, digits: 6 });
        writeDigits(request, { at: nodeAt[at] ?? 0, value: node, digits: NODE_DIGITS });
        if (at === marked) event = { nodeId: nodeId(node), micros };
        node = node + 1 === nodes ? 0 : node + 1;
      }
      return { request, event };
    },
  };
}

/** Returns the id of a node by its number, from 0. */
const nodeId = (node: number): string => `${NODE_PREFIX}${String(node).padStart(NODE_DIGITS, "0")}`;

const eventLike = (at: number) => ({
  node_id: NO_NODE,
  country: "GH",
  region: "Greater Accra",
  latency_ms: 42.75 + (at % 97) / 8,
  uptime_pct: 99.9,
  packet_loss: 0.5,
  timestamp: NO_TIME,
  target_host: "one.example.net",
  probe_type: "ping",
  metadata: { version: "2.1.0", carrier: "example-net" },
});

function offsetsOf(bytes: Buffer, text: string): number[] {
  const offsets: number[] = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) offsets.push(at);
  return offsets;
}

function writeDigits(
  bytes: Buffer,
  { at, value, digits }: { at: number; value: number; digits: number },
): void {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
