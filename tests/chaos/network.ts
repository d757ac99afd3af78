import type { PartKind } from "@fiberstream/testkit/test-part";
import { type InstanceName, LINKS } from "./fault-kinds.ts";
import { type LinkState, startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** All links between what runs, each through a proxy of its own. */
export type Network = {
  /** @param link as in `LINKS` */
  readonly set: (link: string, state: LinkState) => void;
  readonly portOf: (link: string) => number;
  readonly close: () => Promise<void>;
};

/**
 * @param options.ports for the proxies, as many as there are `LINKS`
 * @param options.targetOf the port that a link leads to
 */
export async function startNetwork(options: {
  ports: readonly number[];
  targetOf: (link: string) => number;
}): Promise<Network> {
  const links = new Map<string, { port: number; proxy: TcpProxy }>();
  for (const [at, link] of LINKS.entries()) {
    const port = options.ports[at] ?? 0;
    links.set(link, { port, proxy: await startTcpProxy({ port, to: options.targetOf(link) }) });
  }
  const find = (link: string) => {
    const found = links.get(link);
    if (found === undefined) throw new RangeError(`there is no link ${link}`);
    return found;
  };
  return {
    set: (link, state) => find(link).proxy.set(state),
    portOf: (link) => find(link).port,
    close: async () => {
      await Promise.all(Array.from(links.values(), ({ proxy }) => proxy.close()));
    },
  };
}

export const linkOf = (instance: InstanceName, part: PartKind): string => `${instance}>${part}`;
