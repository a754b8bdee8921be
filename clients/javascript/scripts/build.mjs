// dist/index.js is for bundlers and Node; dist/telemetry.min.js is for a <script> and defines WorkbenchTelemetry.

import { build } from "esbuild";

const shared = {
  absWorkingDir: new URL("..", import.meta.url).pathname,
  entryPoints: ["src/index.ts"],
  bundle: true,
  target: "es2021",
  charset: "utf8",
  logLevel: "warning",
};

await build({ ...shared, format: "esm", outfile: "dist/index.js" });
await build({ ...shared, format: "esm", entryPoints: ["src/node.ts"], outfile: "dist/node.js" });
await build({ ...shared, format: "esm", entryPoints: ["src/runs.ts"], outfile: "dist/runs.js" });
await build({
  ...shared,
  format: "iife",
  globalName: "WorkbenchTelemetry",
  minify: true,
  mangleProps: /_$/,
  outfile: "dist/telemetry.min.js",
});
