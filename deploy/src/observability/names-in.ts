/** Series of a histogram carry its name and one of these. */
const OF_HISTOGRAM = /_(bucket|count|sum)$/;

/**
 * Names of metrics and recorded series in a PromQL expression, a histogram's without its suffix.
 * Understands what rules and dashboards here are written with, not all of PromQL.
 */
export function namesIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, "")
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\[[^\]]*\]/g, "")
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  const names = bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w*\s*\()/g) ?? [];
  const series = names.filter((name) => /[_:]|^up$/.test(name) && !bare.includes(`${name}(`));
  return [...new Set(series.map((name) => name.replace(OF_HISTOGRAM, "")))];
}
