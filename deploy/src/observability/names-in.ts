/** A series of a histogram has the histogram's name with one of these suffixes. */
const OF_HISTOGRAM = /_(bucket|count|sum)$/;

/**
 * Returns the names of metrics and recorded series in a PromQL expression; those of a histogram without suffix.
 * It understands the PromQL of the rules and dashboards here, not all of PromQL.
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
