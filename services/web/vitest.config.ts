import { defineConfig } from "vitest/config";

export default defineConfig({
  // Packages are tested from their sources, not from an older build of them.
  resolve: { conditions: ["termfleet-source"] },
  ssr: { resolve: { conditions: ["termfleet-source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "app/test/**/*.test.ts"],
    // What takes half a second alone takes ten on a machine that is full.
    testTimeout: 60_000,
  },
});
