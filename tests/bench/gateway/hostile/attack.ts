import { connect } from "node:net";
import { type Attack, attacksBy, type AttackPlan } from "./attacks.ts";

/** The results of an attack: how often each status was answered, and how often its connection was closed. */
export type Attacked = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Pause before a dropped connection is opened again. */
const RECONNECT_AFTER_MS = 100;

// A separate process: `node attack.ts '<AttackPlan as JSON>'`. It prints "ready" when all attacks have begun, and the
// results on SIGTERM.
const plan = JSON.parse(process.argv[2] ?? "{}") as AttackPlan;
const counted: Record<string, Record<string, number>> = {};
const attacks = attacksBy(plan).filter(({ name }) => plan.only === undefined || name === plan.only);
for (const attack of attacks) {
  for (let connection = 0; connection < attack.connections; connection++) run(attack);
}
process.stdout.write("ready\n");
process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify(counted satisfies Attacked)}\n`, () => process.exit(0));
});

function count(name: string, what: string): void {
  const of = (counted[name] ??= {});
  of[what] = (of[what] ?? 0) + 1;
}

/** Runs one connection: it sends the next request after each answer, and reconnects when it is closed. */
function run(attack: Attack): void {
  const { name, next } = attack;
  const socket = connect({ host: plan.host, port: plan.port, noDelay: true });
  let received = "";
  const send = () => {
    const bytes = next();
    if (bytes.length > 0) socket.write(bytes);
  };
  socket.setEncoding("latin1");
  socket.on("connect", send);
  socket.on("data", (text: string) => {
    received += text;
    const headEnd = received.indexOf("\r\n\r\n");
    if (headEnd === -1) return;
    const end = headEnd + 4 + Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (received.length < end) return;
    count(name, received.slice(9, 12));
    received = received.slice(end);
    send();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    count(name, "closed");
    setTimeout(() => run(attack), RECONNECT_AFTER_MS);
  });
}
