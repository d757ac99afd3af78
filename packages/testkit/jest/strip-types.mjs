import { stripTypeScriptTypes } from "node:module";

// Replaces types by white space, so that lines and columns are right without a source map.
export default {
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: "strip" }) }),
};
