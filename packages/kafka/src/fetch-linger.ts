import { createRequire } from "node:module";

/**
 * Lets consumers of kafkajs 2.2.4 that want several bytes (`minBytes`) wait for them only while records come.
 * After a fetch that brought none, the next one ends with its first record: a record that is alone does not
 * wait for others, and an idle consumer asks 4 times a second. After one that brought some, the next is held
 * back until `maxWaitTime` after that answer at most; what was done meanwhile has been waiting, too.
 *
 * The broker's methods are reached through the package's files because nothing exports them; the import
 * throws at start should a later version move them.
 */
export function lingerWhileRecordsCome(): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require("kafkajs/src/broker") as { prototype: Broker };
  if (replaced.has(prototype)) return;
  replaced.add(prototype);
  const { fetch } = prototype;
  const recordsCameMs = new WeakMap<Broker, number>();

  prototype.fetch = async function lingering(request) {
    if (request.minBytes <= 1) return fetch.call(this, request);
    const cameMs = recordsCameMs.get(this);
    const answer = await fetch.call(this, { ...request, ...patienceOf(request, cameMs) });
    if (hasRecords(answer)) recordsCameMs.set(this, performance.now());
    else recordsCameMs.delete(this);
    return answer;
  };
}

const IDLE_WAIT_MS = 250;
const replaced = new WeakSet<Broker>();

function patienceOf({ minBytes, maxWaitTime }: Patience, cameMs: number | undefined): Patience {
  const leftMs = cameMs === undefined ? 0 : Math.round(cameMs + maxWaitTime - performance.now());
  return leftMs > 0
    ? { minBytes, maxWaitTime: leftMs }
    : { minBytes: 1, maxWaitTime: IDLE_WAIT_MS };
}

const hasRecords = ({ responses }: Answer) =>
  responses.some(({ partitions }) => partitions.some(({ messages }) => messages.length > 0));

/** How long a fetch is held back: until the broker has so many bytes, or for so many ms. */
type Patience = { readonly minBytes: number; readonly maxWaitTime: number };
type Answer = {
  readonly responses: readonly {
    readonly partitions: readonly { readonly messages: readonly unknown[] }[];
  }[];
};
type Broker = { fetch: (this: Broker, request: Patience) => Promise<Answer> };
