import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP } from "node:net";
import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";
import { Refusal } from "../answers/refusal.ts";

/** Addresses and networks, in a form that can be asked for one. */
const peerList = () =>
  z.string().transform((text, context) => {
    const peers = new BlockList();
    for (const peer of text.split(",").map((part) => part.trim())) {
      const [address = "", prefix] = peer.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      try {
        if (prefix === undefined) peers.addAddress(address, family);
        else peers.addSubnet(address, /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1, family);
      } catch {
        context.addIssue(
          `has "${peer}", which is no address such as 10.0.0.5 and no network such as 10.0.0.0/24`,
        );
        return z.NEVER;
      }
    }
    return peers;
  });

const headerName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, "must be the name of a header")
    .transform((name) => name.toLowerCase());

export const trustedProxySettings = {
  trustedProxies: setting(
    "TRUSTED_PROXIES",
    peerList().optional(),
    "addresses or networks (10.0.0.5, 10.1.0.0/24), separated by commas, of a proxy that signs people in and names them in headers. Unset: such headers are ignored",
  ),
  trustedProxyUserHeader: setting(
    "TRUSTED_PROXY_USER_HEADER",
    headerName().default("x-forwarded-user"),
    "header in which the proxy names the person",
  ),
  trustedProxyGroupsHeader: setting(
    "TRUSTED_PROXY_GROUPS_HEADER",
    headerName().default("x-forwarded-groups"),
    "header with the person's groups, separated by commas",
  ),
};

/** Whom a proxy names. */
export type Named = { readonly user: string; readonly groups: readonly string[] };

/**
 * Returns whom a trusted proxy names in a request; undefined if the request has no such header.
 * @throws {Refusal} PROXY_NOT_TRUSTED for a header of another peer: to ignore it would hide that somebody goes round the proxy
 */
export type ReadNamed = (request: {
  headers: IncomingHttpHeaders;
  address: string;
}) => Named | undefined;

/** As long as subjects of a provider. */
const USER_MAX_CHARACTERS = 255;

export function createReadNamed(options: {
  peers: BlockList;
  userHeader: string;
  groupsHeader: string;
  countForeign: () => void;
}): ReadNamed {
  const { peers, userHeader, groupsHeader, countForeign } = options;
  return ({ headers, address }) => {
    const user = headers[userHeader];
    const groups = headers[groupsHeader];
    if (user === undefined && groups === undefined) return undefined;
    if (!isPeer(peers, address)) {
      countForeign();
      throw new Refusal(
        "PROXY_NOT_TRUSTED",
        `only a proxy that TRUSTED_PROXIES names may send ${userHeader} and ${groupsHeader}`,
      );
    }
    // Node joins a header that was sent twice: neither of two names is the person's.
    const isName =
      typeof user === "string" && /^[^\s,][^,]*$/.test(user) && user.length <= USER_MAX_CHARACTERS;
    if (!isName) {
      throw new Refusal("SIGN_IN_REFUSED", `the proxy has to name one person in ${userHeader}`);
    }
    return { user, groups: typeof groups === "string" ? namesIn(groups) : [] };
  };
}

const namesIn = (groups: string): string[] =>
  groups.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));

/** An IPv4 peer of a socket for both families has an address such as ::ffff:10.0.0.5. */
function isPeer(peers: BlockList, address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = isIP(plain);
  return family !== 0 && peers.check(plain, family === 6 ? "ipv6" : "ipv4");
}
