// The entry point of a fresh clone: no dependency is installed yet, and Node may be any version from 20 on.
// Installs missing packages, then runs the command with the Node version that the project installs.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const inClone = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

if (Number(process.versions.node.split(".")[0]) < 20) {
  console.error(`Node ${process.versions.node} is too old. FiberStream needs Node 20 or newer`);
  process.exit(1);
}
installWhatIsMissing();
runOnOwnNode([inClone("deploy/src/local/main.ts"), ...process.argv.slice(2)]);

function installWhatIsMissing() {
  const installed = inClone("node_modules/.package-lock.json");
  const isFresh =
    existsSync(installed) &&
    statSync(installed).mtimeMs >= statSync(inClone("package-lock.json")).mtimeMs;
  if (isFresh) return;
  console.log("installing the project's packages (npm install)");
  const begunMs = performance.now();
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: inClone("."),
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) {
    console.error("npm install failed. The reason is above");
    process.exit(1);
  }
  console.log(`installed in ${((performance.now() - begunMs) / 1_000).toFixed(1)} s`);
}

function runOnOwnNode(args) {
  const node = inClone("node_modules/.bin/node");
  // On Linux the command gets SIGTERM, and stops in order, even if this process is killed.
  const [command, ...tied] =
    process.platform === "linux" ? ["setpriv", "--pdeathsig", "TERM", "--", node] : [node];
  const child = spawn(command, [...tied, ...args], { stdio: "inherit" });
  child.on("error", (error) => {
    console.error(`cannot start ${command}: ${error.message}`);
    process.exit(1);
  });
  // Ctrl-C also reaches the child, which ends when everything is stopped. Other signals are forwarded.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => process.exit(code ?? 1));
}
