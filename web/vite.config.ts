import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const server = process.env.CROSSTAPE_URL ?? "http://127.0.0.1:8317";
const out = process.env.CROSSTAPE_WEB_OUT ?? "../src/crosstape/_web";
const packed = new Set([".js", ".css", ".html", ".svg", ".json", ".txt"]);

/** The same files once more, compressed, so that the server never has to. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(out, { recursive: true, encoding: "utf-8" })) {
        if (!packed.has(extname(name))) continue;
        const path = join(out, name);
        const bytes = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(bytes));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  build: {
    outDir: out,
    emptyOutDir: true,
    // Not "assets": that is a page.
    assetsDir: "_",
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
  },
  server: {
    proxy: { "/api": server, "/replay": { target: server, ws: true }, "/ws": { target: server, ws: true } },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
  // Vitest would otherwise take Svelte's server build.
  resolve: process.env.VITEST ? { conditions: ["browser"] } : {},
});
