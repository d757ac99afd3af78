const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Escapes text for HTML elements and quoted attributes. */
export const html = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (one) => ESCAPES[one] ?? one);

/** Allows line breaks between the words of a name, for narrow columns. */
export const breakable = (name: string): string =>
  html(name).replaceAll(/(?<=[a-z])(?=[A-Z])|(?<=\.)/g, "<wbr>");

/** Renders Markdown's \`code\` and **strong**; supports nothing else. */
export const markdownInline = (text: string): string =>
  html(text)
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
