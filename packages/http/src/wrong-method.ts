/** Returns the arguments of the refusal of a request whose path has only other methods. */
export const wrongMethod = (
  methods: string,
  { path, method }: { readonly path: string; readonly method: string },
) =>
  [
    "METHOD_NOT_ALLOWED",
    `${path} supports ${methods}, got ${method}`,
    { headers: { Allow: methods } },
  ] as const;
