import { execFile } from "node:child_process";
import { z } from "zod";

/** What the package registry says about known vulnerabilities of the installed packages. */
export type Audit =
  | { readonly kind: "clean" }
  | { readonly kind: "vulnerable"; readonly packages: readonly string[] }
  /** The registry has not answered, or cannot be asked. */
  | { readonly kind: "unanswered"; readonly reason: string };

const GRAVE: ReadonlySet<string> = new Set(["high", "critical"]);

const reportSchema = z.object({
  vulnerabilities: z.record(z.string(), z.object({ severity: z.string() })),
});
const errorSchema = z.object({
  message: z.string().optional(),
  statusCode: z.number().optional(),
  error: z.object({ summary: z.string() }).optional(),
});

/**
 * Asks the package registry for vulnerabilities of severity high and above, by `npm audit`.
 *
 * @param options.maxWaitMs after which the registry counts as not answering
 * @param options.root folder of package.json and the lock file
 * @param options.registry address of the registry; by default that of npm's settings
 */
export async function auditDependencies(options: {
  maxWaitMs: number;
  root: string;
  registry?: string;
}): Promise<Audit> {
  const { maxWaitMs, root, registry } = options;
  const from = registry === undefined ? [] : [`--registry=${registry}`];
  const printed = await new Promise<string | undefined>((resolve) => {
    const child = execFile(
      "npm",
      ["audit", "--json", "--fetch-retries=0", `--fetch-timeout=${maxWaitMs}`, ...from],
      { cwd: root, maxBuffer: 64 * 1024 ** 2 },
      (_error, stdout) => {
        clearTimeout(late);
        resolve(stdout);
      },
    );
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(undefined);
    }, maxWaitMs);
  });
  if (printed === undefined) return unanswered(`it did not answer within ${maxWaitMs / 1_000} s`);
  return auditOf(printed);
}

const unanswered = (reason: string): Audit => ({ kind: "unanswered", reason });

function auditOf(printed: string): Audit {
  let said: unknown;
  try {
    said = JSON.parse(printed);
  } catch {
    return unanswered("npm audit printed no JSON");
  }
  const report = reportSchema.safeParse(said);
  if (report.success) {
    const packages = Object.entries(report.data.vulnerabilities)
      .filter(([, { severity }]) => GRAVE.has(severity))
      .map(([name, { severity }]) => `${name} (${severity})`);
    return packages.length === 0 ? { kind: "clean" } : { kind: "vulnerable", packages };
  }
  const { message, statusCode, error } = errorSchema.safeParse(said).data ?? {};
  if (statusCode !== undefined) return unanswered(`it answered with status ${statusCode}`);
  return unanswered(message || error?.summary || "npm audit printed no report");
}
