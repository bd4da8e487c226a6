import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Tests that run in the test process read the sources; those that start programs run what `npm run build` made. */
const sources = [
  { find: /^tutti$/, replacement: path('./src/index.ts') },
  { find: /^tutti\/server$/, replacement: path('./src/server/index.ts') },
  { find: /^tutti\/testing$/, replacement: path('./src/testing/index.ts') },
];
const built = [
  { find: /^tutti$/, replacement: path('./dist/index.js') },
  { find: /^tutti\/server$/, replacement: path('./dist/server/index.js') },
  { find: /^tutti\/testing$/, replacement: path('./dist/testing/index.js') },
];

interface ProjectOptions {
  readonly onBuild: boolean;
  readonly isSequential: boolean;
  /** Files share their modules, which saves most of the time; for suites that change nothing global. */
  readonly sharesModules?: boolean;
  /** Instead of the set-up that only builds. */
  readonly setup?: string;
  /** Tests of a file that are marked as concurrent and run at the same time. */
  readonly maxConcurrency?: number;
}

function project(name: string, groupOrder: number, options: ProjectOptions) {
  return {
    resolve: { alias: options.onBuild ? built : sources },
    test: {
      name,
      include: [`test/${name}/**/*.test.{ts,mjs}`],
      testTimeout: options.onBuild ? 120_000 : 30_000,
      hookTimeout: 120_000,
      // Groups run one after the other, so that suites that start processes have the machine to themselves.
      sequence: { groupOrder },
      isolate: options.sharesModules !== true,
      ...(options.isSequential ? { fileParallelism: false } : {}),
      ...(options.onBuild ? { globalSetup: [options.setup ?? 'test/support/build-once.ts'] } : {}),
      ...(options.maxConcurrency === undefined ? {} : { maxConcurrency: options.maxConcurrency }),
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('unit', 0, { onBuild: false, isSequential: false, sharesModules: true }),
      project('integration', 1, { onBuild: false, isSequential: false }),
      project('conformance', 2, { onBuild: true, isSequential: true }),
      project('process', 3, { onBuild: true, isSequential: true }),
      project('examples', 4, { onBuild: true, isSequential: true }),
      project('package', 5, { onBuild: true, isSequential: true }),
      project('reliability', 6, { onBuild: true, isSequential: true }),
      project('supervision', 7, { onBuild: true, isSequential: true }),
      // Installs other tools from the registry: `npm run test:toolchains`, not part of `npm test`.
      project('toolchains', 8, {
        onBuild: true,
        isSequential: true,
        setup: 'test/toolchains/pack.ts',
        maxConcurrency: 2,
      }),
      // Needs a real Conductor server: `npm run test:conductor`.
      ...(process.env['CONDUCTOR_SERVER_URL'] === undefined
        ? []
        : [project('conductor', 9, { onBuild: true, isSequential: true })]),
    ],
  },
});
