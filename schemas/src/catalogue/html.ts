const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text for HTML, within elements or quoted attributes. */
export const html = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (one) => ESCAPES[one] ?? one);

/** A name that may be broken where its parts begin, for narrow columns. */
export const breakable = (name: string): string =>
  html(name).replaceAll(/(?<=[a-z])(?=[A-Z])|(?<=\.)/g, "<wbr>");

/** A sentence with Markdown's \`code\` and **strong**, and nothing else of it. */
export const markdownInline = (text: string): string =>
  html(text)
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
