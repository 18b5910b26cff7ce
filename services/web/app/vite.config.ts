import { defaultClientConditions, defineConfig } from "vite";

/** Where `npm run dev` finds a server: start one with `termfleet dev`. */
const SERVER = process.env["TERMFLEET_SERVER"] ?? "http://127.0.0.1:4001";

export default defineConfig({
  resolve: { conditions: ["termfleet-source", ...defaultClientConditions] },
  esbuild: { jsx: "automatic" },
  build: {
    target: "es2022",
    // The server's policy allows no inline script and no data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
  },
  server: {
    proxy: {
      "/api": SERVER,
      "/terminal": { target: SERVER, ws: true },
    },
  },
});
