import { describe, expect, it } from "@jest/globals";
import { markup, page, table } from "./html.ts";

describe("markup", () => {
  it("has no markup of others: texts are escaped wherever they are", () => {
    const name = `"><script>alert(1)</script>&`;
    const escaped = "&quot;>&lt;script>alert(1)&lt;/script>&amp;";
    expect(markup`<input value="${name}">${[markup`<b>${name}</b>`]}${undefined}${7}`.text).toBe(
      `<input value="${escaped}"><b>${escaped}</b>7`,
    );
    expect(table([name], [[name]]).text).not.toContain("<script");
    expect(page({ title: name, body: markup`` }).body).not.toContain("<script");
  });
});

describe("a page", () => {
  it("may load nothing, be in no frame, and send forms to the console and what it names", () => {
    const { headers = {} } = page({
      title: "x",
      body: markup``,
      formTargets: ["https://id.example"],
    });
    expect(headers["Content-Security-Policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self' https:\/\/id.example; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(headers["Cache-Control"]).toBe("no-store");
  });
});
