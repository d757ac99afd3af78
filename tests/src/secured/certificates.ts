import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Certificate = { readonly certificateFile: string; readonly keyFile: string };

export type Authority = {
  readonly caFile: string;
  /** Issues a certificate for `name` and for the loopback addresses. */
  readonly issue: (name: string) => Certificate;
};

/** A configuration without openssl's default extensions. */
const CONFIG = "[req]\ndistinguished_name = name\n[name]\n";
const KIND =
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -config".split(" ");

/** Creates a certificate authority for one test; its certificates are valid for two days. */
export function createAuthority(folder: string): Authority {
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  writeFileSync(file("openssl.cnf"), CONFIG);
  const make = (name: string, more: readonly string[]) => {
    const files = ["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`)];
    const parameters = [...KIND, file("openssl.cnf"), ...files, "-subj", `/CN=${name}`, ...more];
    execFileSync("openssl", parameters, { stdio: ["ignore", "ignore", "pipe"] });
    return { certificateFile: file(`${name}.crt`), keyFile: file(`${name}.key`) };
  };
  const { certificateFile: caFile, keyFile: caKeyFile } = make("authority", [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
  ]);
  return {
    caFile,
    issue: (name) =>
      make(name, [
        "-CA",
        caFile,
        "-CAkey",
        caKeyFile,
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
      ]),
  };
}
