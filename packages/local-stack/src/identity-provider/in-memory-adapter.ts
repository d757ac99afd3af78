import type { AdapterFactory, AdapterPayload } from "oidc-provider";

type Entry = { readonly payload: AdapterPayload; readonly expiresAtMs: number };

/** Keeps what the provider stores in memory, until it ends: sessions, codes and grants of a developer or a test. */
export function createInMemoryAdapters(): AdapterFactory {
  return () => {
    const entries = new Map<string, Entry>();
    const live = (id: string): AdapterPayload | undefined => {
      const entry = entries.get(id);
      return entry !== undefined && performance.now() < entry.expiresAtMs
        ? entry.payload
        : undefined;
    };
    const liveWith = (matches: (payload: AdapterPayload) => boolean) =>
      Array.from(entries.keys(), live).find((payload) => payload !== undefined && matches(payload));
    return {
      upsert: async (id, payload, expiresInSeconds = Infinity) => {
        const expiresAtMs = performance.now() + expiresInSeconds * 1_000;
        entries.set(id, { payload, expiresAtMs });
      },
      find: async (id) => live(id),
      findByUid: async (uid) => liveWith((payload) => payload.uid === uid),
      findByUserCode: async (code) => liveWith((payload) => payload.userCode === code),
      consume: async (id) => {
        const payload = live(id);
        if (payload !== undefined) payload.consumed = true;
      },
      destroy: async (id) => void entries.delete(id),
      revokeByGrantId: async (grantId) => {
        for (const [id, { payload }] of entries)
          if (payload.grantId === grantId) entries.delete(id);
      },
    };
  };
}
