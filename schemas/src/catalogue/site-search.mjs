// Runs in the browser, inlined into the page. Shows the fields and topics that have every word of the search.
const input = document.querySelector("#search");
const found = document.querySelector("#found");
const nothing = document.querySelector("#nothing");
const reading = document.querySelector("#reading");
const textOf = (element) => element.textContent.toLowerCase();
const topics = [...document.querySelectorAll(".topic")].map((element) => ({
  element,
  head: textOf(element.querySelector("header")),
  rest: [...element.querySelectorAll("details, .facts, .promise")],
  groups: [...element.querySelectorAll(".group")],
  fields: [...element.querySelectorAll(".field")].map((field) => ({ field, text: textOf(field) })),
}));

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.includes(word));
  let fieldCount = 0;
  let topicCount = 0;
  for (const { element, head, rest, groups, fields } of topics) {
    const isWhole = has(head);
    let shown = 0;
    for (const { field, text } of fields) {
      field.hidden = !isWhole && !has(`${head} ${text}`);
      if (!field.hidden) shown++;
    }
    element.hidden = shown === 0 && !isWhole;
    for (const part of rest) part.hidden = !isWhole;
    for (const group of groups) group.hidden = group.querySelector(".field:not([hidden])") === null;
    fieldCount += shown;
    if (!element.hidden) topicCount++;
  }
  reading.hidden = words.length > 0;
  document.body.classList.toggle("searching", words.length > 0);
  nothing.hidden = topicCount > 0;
  found.textContent =
    words.length === 0 ? "" : `${count(fieldCount, "field")}, ${count(topicCount, "topic")}`;
}

const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

input.closest("form").hidden = false;
input.closest("form").addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== input) {
    event.preventDefault();
    input.focus();
  }
  if (event.key === "Escape" && document.activeElement === input) {
    input.value = "";
    show();
  }
});
// A link to a field leads to it, whatever the search had hidden.
addEventListener("hashchange", () => {
  if (document.querySelector(":target")?.closest("[hidden]")) {
    input.value = "";
    show();
    document.querySelector(":target").scrollIntoView();
  }
});
