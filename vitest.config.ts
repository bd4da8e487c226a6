import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Tests that run in the test process read the sources; those that start programs run what `npm run build` made. */
const sources = [
  { find: /^tutti$/, replacement: path('./src/index.ts') },
  { find: /^tutti\/client$/, replacement: path('./src/client/index.ts') },
  { find: /^tutti\/native$/, replacement: path('./src/native/index.ts') },
  { find: /^tutti\/server$/, replacement: path('./src/server/index.ts') },
  { find: /^tutti\/testing$/, replacement: path('./src/testing/index.ts') },
];
const built = [
  { find: /^tutti$/, replacement: path('./dist/index.js') },
  { find: /^tutti\/client$/, replacement: path('./dist/client/index.js') },
  { find: /^tutti\/native$/, replacement: path('./dist/native/index.js') },
  { find: /^tutti\/server$/, replacement: path('./dist/server/index.js') },
  { find: /^tutti\/testing$/, replacement: path('./dist/testing/index.js') },
];

const cores = availableParallelism();
/** A real server has other things to do than to be quick for several files at a time. */
const isOnRealServer = process.env['CONDUCTOR_SERVER_URL'] !== undefined;

/** Files at a time. One group follows the other; the suites of a group run side by side. */
const COMPUTING = { groupOrder: 0, maxWorkers: cores };
/** Their tests mostly wait: for processes, answers and time-outs. */
const WAITING = { groupOrder: 1, maxWorkers: isOnRealServer ? 1 : Math.min(2 * cores + 1, 8) };
/** Their tests wait as well, but with leases of a second and limits that a crowded machine would break. */
const MEASURING = { groupOrder: 2, maxWorkers: cores + 1 };
const ALONE = { groupOrder: 3, maxWorkers: 1 };

interface ProjectOptions {
  readonly group: { readonly groupOrder: number; readonly maxWorkers: number };
  /** On the sources, or on what was built. */
  readonly on: 'sources' | 'build';
  /** Files share their modules, which saves much time; not for suites that change something global. */
  readonly sharesModules?: boolean;
  /** Instead of the set-up that only builds. */
  readonly setup?: string;
  /** Tests of a file that are marked as concurrent and run at the same time. */
  readonly maxConcurrency?: number;
}

function project(name: string, options: ProjectOptions) {
  const { groupOrder, maxWorkers } = options.group;
  const isOnBuild = options.on === 'build';
  return {
    resolve: { alias: isOnBuild ? built : sources },
    test: {
      name,
      include: [`test/${name}/**/*.test.{ts,mjs}`],
      testTimeout: isOnBuild ? 120_000 : 30_000,
      hookTimeout: 120_000,
      sequence: { groupOrder },
      maxWorkers,
      isolate: options.sharesModules !== true,
      ...(isOnBuild ? { globalSetup: [options.setup ?? 'test/support/build-once.ts'] } : {}),
      ...(options.maxConcurrency === undefined ? {} : { maxConcurrency: options.maxConcurrency }),
    },
  };
}

const onBuild = { on: 'build', sharesModules: true } as const;

/** The suites with the longest files come first in their group, so that none of these is left over at the end. */
const projects = [
  project('unit', { group: COMPUTING, on: 'sources', sharesModules: true }),
  project('conformance', { group: WAITING, ...onBuild }),
  project('process', { group: WAITING, ...onBuild }),
  project('examples', { group: WAITING, ...onBuild }),
  project('package', { group: WAITING, ...onBuild }),
  project('integration', { group: WAITING, on: 'sources' }),
  project('supervision', { group: MEASURING, ...onBuild }),
  project('reliability', { group: MEASURING, ...onBuild }),
  // Installs other tools from the registry: `npm run test:toolchains`, not part of `npm test`.
  project('toolchains', { group: ALONE, on: 'build', setup: 'test/toolchains/pack.ts', maxConcurrency: 2 }),
  // Needs a real Conductor server: `npm run test:conductor`.
  ...(isOnRealServer ? [project('conductor', { group: ALONE, on: 'build' })] : []),
  // Needs one with PostgreSQL: `npm run test:conductor -- --postgres`.
  ...(process.env['TEST_TUTTI_POSTGRES_BIN'] === undefined
    ? []
    : [project('postgres', { group: ALONE, on: 'build' })]),
];
const names = projects.map((one) => one.test.name);

/** The suites of a group in the order of `projects`, not of their names. */
class AsListed extends BaseSequencer {
  override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (spec: TestSpecification): number => names.indexOf(spec.project.name);
    // Stable: within a suite the order is that of the runner, which knows how long each file took.
    return (await super.sort(specs)).toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({ test: { projects, sequence: { sequencer: AsListed } } });
