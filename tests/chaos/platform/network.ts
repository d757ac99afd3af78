import { type LinkState, startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** All links between processes, each through its own proxy. */
export type Network = {
  /** @param link name of a link in the topology */
  readonly set: (link: string, state: LinkState) => void;
  readonly portOf: (link: string) => number;
  readonly close: () => Promise<void>;
};

/** @param wanted the links, each with the port of its proxy and the target port */
export async function startNetwork(
  wanted: readonly { link: string; port: number; to: number }[],
): Promise<Network> {
  const links = new Map<string, { port: number; proxy: TcpProxy }>();
  for (const { link, port, to } of wanted) {
    links.set(link, { port, proxy: await startTcpProxy({ port, to }) });
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
