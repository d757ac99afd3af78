import type { RateLimits } from "../access/rate-limits.ts";
import { anyoneAt } from "../access/reader.ts";
import { senderAt } from "../access/sign-in/address.ts";
import type { PageRoute } from "./page-route.ts";

/** What passwords, codes and tokens cost of what an address may ask: 20 at once with the standard limit. */
const COST_OF_CHANGE = 50;
/** Of the provider, which may end the sessions of many people at once. */
const COST_OF_PROGRAM = 2;
/** A page reads a session and a few rows; a step of a sign-in asks the provider. */
const COST_OF_PAGE = 5;

/** Lets each address spend as much on pages as on questions that need no key. */
export const limitPages = (
  pages: readonly PageRoute[],
  { charge }: RateLimits,
): readonly PageRoute[] =>
  pages.map((page) => ({
    ...page,
    answer: async (request) => {
      const limits = charge(anyoneAt(senderAt(request.address)), costOf(page));
      const answer = await page.answer(request);
      return { ...answer, headers: { ...limits, ...answer.headers } };
    },
  }));

function costOf({ method, isForPrograms }: PageRoute): number {
  if (isForPrograms) return COST_OF_PROGRAM;
  return method === "POST" ? COST_OF_CHANGE : COST_OF_PAGE;
}
