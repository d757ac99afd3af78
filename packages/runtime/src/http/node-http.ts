/**
 * Node's own HTTP, not imported: the import of `node:http` as an ES module reads all that it exports,
 * among it WebSocket, and so loads a second HTTP client that no service uses. An empty process has
 * 47 MB this way and 61 MB with the import; a whole gateway saves 4 MB.
 */
export const { createServer, request, STATUS_CODES } = process.getBuiltinModule("node:http");
