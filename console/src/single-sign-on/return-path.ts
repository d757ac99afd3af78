/** Longer ones would make a cookie that browsers drop. */
const MAX_CHARACTERS = 1_000;
/** Where a person lands who asked for nothing else. */
export const START_PATH = "/account";

/**
 * Returns the console's own path that a sign-in leads to; {@link START_PATH} for anything else. A link to the sign-in must
 * not lead to another host afterwards, so what a browser makes of the text decides, not how it begins.
 */
export function ownPath(wanted: string | undefined, publicUrl: string): string {
  if (wanted === undefined || wanted.length > MAX_CHARACTERS || !/^\/[\x21-\x7e]*$/.test(wanted)) {
    return START_PATH;
  }
  const url = URL.parse(wanted, publicUrl);
  if (url === null || url.origin !== publicUrl || url.pathname.startsWith("//")) return START_PATH;
  // Begins with one slash: parsed again, it is a path of any host.
  return `${url.pathname}${url.search}`;
}
