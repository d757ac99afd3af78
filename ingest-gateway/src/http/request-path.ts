/** What a request has as its target, in the absolute form (RFC 9112, section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]*/i;

/**
 * Returns the path of a request without its query, from the usual form (`/api/push`) or the absolute form
 * (`http://host/api/push`), which a server has to accept as well.
 */
export function pathOf({ url = "" }: { readonly url?: string | undefined }): string {
  const target = url.startsWith("/") ? url : url.replace(ORIGIN, "");
  const [path = ""] = target.split("?", 1);
  return path === "" ? "/" : path;
}

/**
 * Returns a target in the usual form; undefined for an absolute one that is no URL. express would pass it to `url.parse`,
 * which prints a warning for a port that is not a number (DEP0170) and throws for others.
 */
export function usualForm(url: string): string | undefined {
  if (url.startsWith("/") || !url.includes(":")) return url;
  if (!URL.canParse(url)) return undefined;
  const target = url.replace(ORIGIN, "");
  return target.startsWith("/") ? target : `/${target}`;
}
