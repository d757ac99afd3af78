import type { IncomingMessage } from "node:http";

/**
 * The path that a request is for, without its query: of the usual form (`/api/push`), and of the absolute one
 * (`http://host/api/push`), which a server has to take as well (RFC 9112, section 3.2.2).
 */
export function pathOf({ url = "" }: Pick<IncomingMessage, "url">): string {
  const target = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?#]*/i, "");
  const [path = ""] = target.split("?", 1);
  return path === "" ? "/" : path;
}
