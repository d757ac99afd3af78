import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Framing } from "./recipe.ts";
import { type RequestBytes, writtenBytesOf } from "./request-bytes.ts";

export type HttpAnswer = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
};

export type Sent = {
  readonly answers: readonly HttpAnswer[];
  /** answered: all answers arrived; closed: the gateway closed the connection before; silent: no answer in time. */
  readonly end: "answered" | "closed" | "silent" | "left";
  /** Whether all was written when it ended. */
  readonly isWritten: boolean;
  /** Received bytes that are not HTTP. */
  readonly rest: string;
};

/** How long nothing may arrive: longer than the gateway's own limits, also on a busy machine. */
const TIMEOUT_MS = 20_000;
/** Limits the pauses, because more would only make the run longer. */
const MAX_PAUSES = 60;
/** Limits the small writes (the gateway rejects more than 1,000); the rest is written at once. */
const MAX_PIECES = 900;
const LEAVES_AFTER_MS = 300;

/** Writes requests on a new connection, as slowly as the framing says, and reads the answers. */
export function sendRequest(
  { host, port }: { host: string; port: number },
  bytes: RequestBytes,
  { framing, copies }: { framing: Framing; copies: number },
): Promise<Sent> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const reader = createAnswerReader();
    let isWritten = false;
    const over = new AbortController();
    let goOn = () => undefined as void;
    const finish = (end: Sent["end"]) => {
      if (over.signal.aborted) return;
      over.abort();
      clearTimeout(patience);
      socket.destroy();
      resolve({ answers: reader.answers, end, isWritten, rest: reader.rest() });
    };
    const patience = setTimeout(() => finish("silent"), TIMEOUT_MS);
    const look = () => {
      if (reader.answers.length >= copies) finish("answered");
    };
    // Without this listener a failed write would also end the reading, and the answer with the reason would be lost.
    socket.on("error", () => undefined);
    socket.on("drain", () => goOn());
    socket.on("close", () => {
      finish("closed");
      goOn();
    });
    socket.on("end", () => finish("closed"));
    socket.on("data", (piece: Buffer) => {
      // A hundred large batches behind one another may take longer together.
      patience.refresh();
      reader.read(piece);
      look();
    });
    socket.on("connect", () => {
      void writeSlowly().then(async () => {
        isWritten = true;
        if (framing.ending === "half-close") socket.end();
        if (framing.ending !== "leave") return;
        await delay(LEAVES_AFTER_MS);
        finish("left");
      });
    });

    async function writeSlowly(): Promise<void> {
      const one = Buffer.concat([bytes.head, bytes.body]);
      const whole = copies === 1 ? one : Buffer.concat(Array<Buffer>(copies).fill(one));
      const end = writtenBytesOf({ copies, framing }, bytes);
      let pauses = 0;
      let pieces = 0;
      for (let at = 0; at < end && !over.signal.aborted;) {
        const size = ++pieces < MAX_PIECES ? framing.pieceBytes : 1_000_000;
        const piece = whole.subarray(at, Math.min(end, at + size));
        at += piece.length;
        const drained = socket.write(piece);
        if (framing.pauseMs > 0 && pauses++ < MAX_PAUSES) await delay(framing.pauseMs);
        else if (!drained) await new Promise<void>((go) => (goOn = go));
      }
    }
  });
}

/** Creates a parser of answers by Content-Length, which all answers of the gateway have. */
function createAnswerReader() {
  const answers: HttpAnswer[] = [];
  let received = Buffer.alloc(0);
  return {
    answers,
    rest: () => received.toString("latin1").slice(0, 200),
    read: (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
      for (;;) {
        const headEnd = received.indexOf("\r\n\r\n");
        if (headEnd === -1) return;
        const [first = "", ...lines] = received.toString("latin1", 0, headEnd).split("\r\n");
        const [, text] = /^HTTP\/1\.1 (\d{3}) /.exec(`${first} `) ?? [];
        if (text === undefined) return;
        const headers = new Map(lines.map(nameAndValue));
        const end = headEnd + 4 + Number(headers.get("content-length") ?? 0);
        if (received.length < end) return;
        const body = received.toString("utf8", headEnd + 4, end);
        received = received.subarray(end);
        // "100 Continue" comes before the answer.
        if (!text.startsWith("1")) answers.push({ status: Number(text), headers, body });
      }
    },
  };
}

const nameAndValue = (line: string): [string, string] => {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
};
