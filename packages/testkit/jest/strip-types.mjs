import { stripTypeScriptTypes } from "node:module";

// Types become white space, so that lines and columns stay true without a source map.
export default {
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: "strip" }) }),
};
