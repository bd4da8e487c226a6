import {
  COMMONJS_MAIN,
  DYNAMIC_IMPORT_MAIN,
  ENTRY,
  JAVASCRIPT_MAIN,
  JAVASCRIPT_WORKER,
  MAIN_FUNCTION,
  mainFile,
  testFile,
  workerFile,
} from './sources.js';

/** What is installed once and used by several projects. */
export type Installation = keyof typeof INSTALLATIONS;

const PEERS = ['inversify@8', 'reflect-metadata@0.2'];
const TYPES = '@types/node@20';

/**
 * Packages from the registry, each with the major version that the table of `docs/guides/8-toolchains.md` names, so
 * that a new one of somebody else's cannot break a build of today.
 */
export const INSTALLATIONS = {
  compilers: [
    ...PEERS,
    TYPES,
    'ts50@npm:typescript@5.0',
    'ts57@npm:typescript@5.7',
    'ts59@npm:typescript@5.9',
    'ts6@npm:typescript@6',
    'ts7@npm:typescript@7',
  ],
  tools: [
    ...PEERS,
    TYPES,
    'typescript@5.9',
    'tslib@2',
    '@swc/core@1',
    '@swc/cli@0.8',
    '@swc-node/register@1',
    '@oxc-node/core@0.1',
    'tsx@4',
    'esbuild@0.28',
    'tsup@8',
    'tsdown@0.21',
    'rollup@4',
    '@rollup/plugin-typescript@12',
    '@rollup/plugin-node-resolve@16',
    '@rollup/plugin-commonjs@29',
    '@rollup/plugin-json@6',
    'vite@8',
  ],
  runners: [...PEERS, TYPES, 'vitest@4', 'jest@30', 'ts-jest@29', 'typescript@5.9'],
  // The binaries of other versions of Node, without the script that would put one into place.
  nodes: [
    ...PEERS,
    ...['20.19.0', '22', '24', '26'].map((version) => {
      const major = version.split('.', 1)[0]!;
      return `node${major}@npm:node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}@${version}`;
    }),
  ],
  pnpm: ['pnpm@12'],
  yarn: ['yarn@1', '@yarnpkg/cli-dist@4'],
} as const satisfies Record<string, readonly string[]>;

export interface Toolchain {
  /** As the guide names it. */
  readonly tool: string;
  /** Tells several projects of one tool apart. */
  readonly variant?: string;
  readonly installation: Installation;
  readonly files: Readonly<Record<string, string>>;
  /** Commands: `node …` is the Node that runs the tests, anything else a command of the installation. */
  readonly build?: readonly string[];
  readonly run: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is printed at the end, on either stream. */
  readonly prints?: RegExp;
  /** The run fails, with this reason. */
  readonly refuses?: RegExp;
}

const WORKS = /^COMPLETED: Hello, Ada! by greet:GreetWorker#1 in a process of its own$/m;
const MODULE = JSON.stringify({ private: true, type: 'module' });
/** Some bundlers leave out what is listed as a dependency. */
const WITH_DEPENDENCIES = JSON.stringify({
  private: true,
  type: 'module',
  dependencies: { tutti: '*', inversify: '*', 'reflect-metadata': '*' },
});
const COMMONJS = JSON.stringify({ private: true });

export const TYPESCRIPT = {
  'greet.worker.ts': workerFile('by type'),
  'main.ts': mainFile(),
  'package.json': MODULE,
};
const WITH_INJECT = { ...TYPESCRIPT, 'greet.worker.ts': workerFile('@inject') };
const TYPESCRIPT_COMMONJS = { ...TYPESCRIPT, 'main.ts': MAIN_FUNCTION, 'package.json': COMMONJS };
export const JAVASCRIPT = {
  'greet.worker.js': JAVASCRIPT_WORKER,
  'main.js': JAVASCRIPT_MAIN,
  'package.json': MODULE,
};

/** Strict, and with the declarations of the package checked. */
export function tsconfig(options: object = {}, include: readonly string[] = ['*.ts']): string {
  return JSON.stringify({
    compilerOptions: {
      target: 'ES2022',
      lib: ['ES2022', 'ESNext.Disposable'],
      module: 'NodeNext',
      types: ['node'],
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      rootDir: '.',
      outDir: 'dist',
      ...options,
    },
    include,
  });
}

/** The settings that each version of the compiler must take, with the declarations of the package checked. */
function compiler(tool: string, alias: string): Toolchain[] {
  const settings: [variant: string, options: object, files: Record<string, string>][] = [
    ['NodeNext', {}, TYPESCRIPT],
    ['bundler', { module: 'ESNext', moduleResolution: 'bundler' }, TYPESCRIPT],
    [
      'verbatimModuleSyntax, isolatedModules',
      { verbatimModuleSyntax: true, isolatedModules: true },
      TYPESCRIPT,
    ],
  ];
  return settings.map(([variant, options, files]) => ({
    tool,
    variant,
    installation: 'compilers',
    files: { ...files, 'tsconfig.json': tsconfig(options) },
    build: [`node node_modules/${alias}/bin/tsc -p .`],
    run: 'node dist/main.js',
    prints: WORKS,
  }));
}

/** Worker processes run what the compiler has made of the entry. */
const TS_JEST = {
  'greet.worker.ts': workerFile('by type'),
  'greet.test.ts': testFile("import { test } from '@jest/globals';\n").replace(
    './entry.js',
    './dist/entry.js',
  ),
  'tsconfig.json': tsconfig({ isolatedModules: true, skipLibCheck: true }, ['entry.ts']),
};

function tsJest(useESM: boolean): string {
  const config = {
    testMatch: ['<rootDir>/*.test.ts'],
    transform: { '\\.ts$': ['ts-jest', { useESM }] },
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
    ...(useESM ? { extensionsToTreatAsEsm: ['.ts'] } : {}),
  };
  return `module.exports = ${JSON.stringify(config)};`;
}

const SWCRC = JSON.stringify({
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: 'es2022',
  },
  module: { type: 'es6' },
});

/** What the packages in a bundle `require()` is built into Node, and modules have no `require` of their own. */
const ESBUILD_BANNER =
  "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);";

function esbuild(options: Record<string, unknown>): string {
  const all = { entryPoints: ['main.ts'], bundle: true, platform: 'node', ...options };
  return `import { build } from 'esbuild';\nawait build(${JSON.stringify(all)});\n`;
}

/** @param plugins - before the one for TypeScript */
function rollup(plugins: string, options: object): string {
  return `
import typescript from '@rollup/plugin-typescript';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';

export default { input: 'main.ts', plugins: [${plugins} typescript()], ...${JSON.stringify(options)} };
`;
}

// undici asks for node:sqlite only where it is needed; hoisted by the plug-in, it would be missed on Node 20.
const ALL_IN_ONE =
  "nodeResolve({ exportConditions: ['node'] }), commonjs({ ignore: ['node:sqlite'] }), json(),";
const ROLLUP_TSCONFIG = tsconfig({ module: 'ESNext', moduleResolution: 'bundler' });

const OLDER_TSC = 'tsc 5.0 to 5.8';

export const TOOLCHAINS: readonly Toolchain[] = [
  ...['ts50', 'ts57'].map((alias): Toolchain => ({
    tool: OLDER_TSC,
    variant: alias,
    installation: 'compilers',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig({ lib: ['ES2022'], skipLibCheck: true }) },
    build: [`node node_modules/${alias}/bin/tsc -p .`],
    run: 'node dist/main.js',
    prints: WORKS,
  })),
  {
    // The declarations of Inversify are not for these.
    tool: OLDER_TSC,
    variant: 'ts57, skipLibCheck: false',
    installation: 'compilers',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig() },
    run: 'node node_modules/ts57/bin/tsc -p .',
    refuses: /^\S+@inversifyjs\S+\.d\.ts\(.*error TS1166/m,
  },
  ...compiler('tsc 5.9', 'ts59'),
  ...compiler('tsc 6', 'ts6'),
  ...compiler('tsc 7', 'ts7'),
  {
    tool: 'tsc, CommonJS',
    installation: 'compilers',
    files: { ...TYPESCRIPT_COMMONJS, 'tsconfig.json': tsconfig() },
    build: ['node node_modules/ts59/bin/tsc -p .'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'JavaScript',
    installation: 'compilers',
    files: JAVASCRIPT,
    run: 'node main.js',
    prints: WORKS,
  },
  {
    tool: 'JavaScript, CommonJS',
    variant: 'require()',
    installation: 'compilers',
    files: { 'main.js': COMMONJS_MAIN, 'package.json': COMMONJS },
    run: 'node main.js',
    prints: WORKS,
  },
  {
    tool: 'JavaScript, CommonJS',
    variant: 'import(), where require() of modules is turned off',
    installation: 'compilers',
    files: {
      'main.js': DYNAMIC_IMPORT_MAIN,
      'greet.worker.mjs': JAVASCRIPT_WORKER,
      'package.json': COMMONJS,
    },
    run: 'node --no-experimental-require-module main.js',
    prints: WORKS,
  },
  {
    tool: 'swc',
    variant: '@swc/cli',
    installation: 'tools',
    files: { ...TYPESCRIPT, '.swcrc': SWCRC },
    build: ['swc main.ts greet.worker.ts -d dist'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'swc',
    variant: '@swc-node/register',
    installation: 'tools',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig() },
    run: 'node --import @swc-node/register/esm-register main.ts',
    prints: WORKS,
  },
  {
    tool: '@oxc-node/core',
    installation: 'tools',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig() },
    run: 'node --import @oxc-node/core/register main.ts',
    prints: WORKS,
  },
  {
    tool: 'tsx',
    variant: 'with @inject',
    installation: 'tools',
    files: { ...WITH_INJECT, 'tsconfig.json': tsconfig() },
    run: 'tsx main.ts',
    prints: WORKS,
  },
  {
    tool: 'tsx',
    variant: 'by type',
    installation: 'tools',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig() },
    run: 'tsx main.ts',
    refuses: /STARTUP_FAILED[^]*no types were recorded for the constructor[^]*@inject\(Service\)/,
  },
  {
    tool: 'esbuild, external packages',
    installation: 'tools',
    files: {
      ...WITH_INJECT,
      'tsconfig.json': tsconfig(),
      'build.js': esbuild({ format: 'esm', packages: 'external', outfile: 'dist/main.js' }),
    },
    build: ['node build.js'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'esbuild, one file',
    variant: 'ESM',
    installation: 'tools',
    files: {
      ...WITH_INJECT,
      'tsconfig.json': tsconfig(),
      'build.js': esbuild({ format: 'esm', banner: { js: ESBUILD_BANNER }, outfile: 'dist/main.js' }),
    },
    build: ['node build.js'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'esbuild, one file',
    variant: 'CommonJS',
    installation: 'tools',
    files: {
      ...WITH_INJECT,
      'main.ts': MAIN_FUNCTION,
      'tsconfig.json': tsconfig(),
      'build.js': esbuild({ format: 'cjs', outfile: 'dist/main.cjs' }),
    },
    build: ['node build.js'],
    run: 'node dist/main.cjs',
    prints: WORKS,
  },
  {
    tool: 'esbuild, one file',
    variant: 'minified, with `name`',
    installation: 'tools',
    files: {
      ...WITH_INJECT,
      'greet.worker.ts': workerFile('@inject', "{ name: 'GreetWorker' }"),
      'tsconfig.json': tsconfig(),
      'build.js': esbuild({
        format: 'esm',
        minify: true,
        banner: { js: ESBUILD_BANNER },
        outfile: 'dist/main.js',
      }),
    },
    build: ['node build.js'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'esbuild, one file',
    variant: 'with discover',
    installation: 'tools',
    files: {
      ...WITH_INJECT,
      'main.ts': mainFile().replace('workers: [GreetWorker]', "discover: '*.worker.js'"),
      'tsconfig.json': tsconfig(),
      'build.js': esbuild({ format: 'esm', banner: { js: ESBUILD_BANNER }, outfile: 'dist/main.js' }),
    },
    build: ['node build.js'],
    run: 'node dist/main.js',
    refuses: /DISCOVERY_FAILED[^]*part of a bundle[^]*list them in `workers`/,
  },
  {
    tool: 'tsup',
    installation: 'tools',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig(), 'package.json': WITH_DEPENDENCIES },
    build: ['tsup main.ts --format esm'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'tsdown',
    installation: 'tools',
    files: { ...TYPESCRIPT, 'tsconfig.json': tsconfig(), 'package.json': WITH_DEPENDENCIES },
    build: ['tsdown main.ts'],
    run: 'node dist/main.mjs',
    prints: WORKS,
  },
  {
    tool: 'rollup, external packages',
    installation: 'tools',
    files: {
      ...TYPESCRIPT,
      'tsconfig.json': ROLLUP_TSCONFIG,
      'rollup.config.js': rollup('', {
        external: ['inversify', 'tutti', 'tutti/server'],
        output: { dir: 'dist', format: 'es' },
      }),
    },
    build: ['rollup -c'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'rollup, one file',
    variant: 'without await at the top level',
    installation: 'tools',
    files: {
      ...TYPESCRIPT,
      'main.ts': MAIN_FUNCTION,
      'tsconfig.json': ROLLUP_TSCONFIG,
      'rollup.config.js': rollup(ALL_IN_ONE, {
        output: { dir: 'dist', format: 'es', inlineDynamicImports: true },
      }),
    },
    build: ['rollup -c'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'rollup, one file',
    variant: 'with await at the top level',
    installation: 'tools',
    files: {
      ...TYPESCRIPT,
      'tsconfig.json': ROLLUP_TSCONFIG,
      'rollup.config.js': rollup(ALL_IN_ONE, {
        // Quicker, and the same: what counts is how Tutti is bundled.
        external: ['inversify', 'undici', 'axios', 'tinyglobby'],
        output: { dir: 'dist', format: 'es', inlineDynamicImports: true },
      }),
    },
    build: ['rollup -c'],
    run: 'node dist/main.js',
    refuses: /CONFIG_INVALID[^]*inlineDynamicImports[^]*in an async function/,
  },
  {
    tool: 'Vite SSR',
    installation: 'tools',
    files: {
      ...TYPESCRIPT,
      'tsconfig.json': tsconfig({ module: 'ESNext', moduleResolution: 'bundler' }),
      'vite.config.js': "export default { build: { ssr: 'main.ts', outDir: 'dist', target: 'node20' } };",
    },
    build: ['vite build --logLevel warn'],
    run: 'node dist/main.js',
    prints: WORKS,
  },
  {
    tool: 'vitest',
    installation: 'runners',
    files: {
      ...JAVASCRIPT,
      'entry.js': ENTRY,
      'greet.test.js': testFile("import { test } from 'vitest';\n"),
    },
    run: 'vitest run --testTimeout 60000',
    prints: /Tests .*1 passed/,
  },
  {
    tool: 'Jest',
    installation: 'runners',
    files: { ...JAVASCRIPT, 'entry.js': ENTRY, 'greet.test.js': testFile('') },
    run: 'jest --ci --testTimeout 60000',
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
    prints: /Tests: .*1 passed/,
  },
  {
    tool: 'ts-jest',
    installation: 'runners',
    files: { ...TS_JEST, 'entry.ts': ENTRY, 'package.json': MODULE, 'jest.config.cjs': tsJest(true) },
    build: ['tsc -p .'],
    run: 'jest --ci --testTimeout 60000',
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
    prints: /Tests: .*1 passed/,
  },
  {
    tool: 'ts-jest',
    variant: 'CommonJS',
    installation: 'runners',
    files: {
      ...TS_JEST,
      // It does not get as far as an entry.
      'greet.test.ts': TS_JEST['greet.test.ts'].replace(/^ +entry: .*$/m, ''),
      'package.json': COMMONJS,
      'jest.config.cjs': tsJest(false),
    },
    run: 'jest --ci --testTimeout 60000',
    refuses: /Must use import to load ES Module: \S+inversify/,
  },
  {
    tool: 'node:test',
    installation: 'runners',
    files: {
      ...JAVASCRIPT,
      'entry.js': ENTRY,
      'greet.test.js': testFile("import { test } from 'node:test';\n"),
    },
    run: 'node --test greet.test.js',
    prints: /pass 1$/m,
  },
  {
    tool: 'node:test',
    variant: 'without entry',
    installation: 'runners',
    files: {
      ...JAVASCRIPT,
      'greet.test.js': testFile("import { test } from 'node:test';\n").replace(/^ +entry: .*$/m, ''),
    },
    run: 'node --test greet.test.js',
    refuses: /test runner node:test[^]*pass `entry[^]*ROLE_UNCLEAR/,
  },
  ...['20', '22', '24', '26'].flatMap((major): Toolchain[] => {
    const installation = 'nodes';
    const run = `node_modules/node${major}/bin/node main.js`;
    return [
      { tool: `Node ${major}`, installation, files: JAVASCRIPT, run, prints: WORKS },
      {
        tool: `Node ${major}`,
        variant: 'CommonJS',
        installation,
        files: { 'main.js': COMMONJS_MAIN, 'package.json': COMMONJS },
        run,
        prints: WORKS,
      },
    ];
  }),
  {
    tool: 'Node without a compiler',
    variant: 'a function worker',
    installation: 'nodes',
    files: {
      ...JAVASCRIPT,
      'main.ts': mainFile(),
      'greet.worker.js': JAVASCRIPT_WORKER,
    },
    run: 'node_modules/node24/bin/node main.ts',
    prints: WORKS,
  },
];

/** A `package.json` for tools that install the package by themselves. */
export function manifest(tutti: string, dependencies: object = {}): string {
  return JSON.stringify({
    private: true,
    type: 'module',
    dependencies: { tutti, inversify: '^8', 'reflect-metadata': '^0.2', ...dependencies },
    devDependencies: { typescript: '~5.9', '@types/node': '^20' },
  });
}

/** These install the package by themselves. */
export const PACKAGE_MANAGERS = [
  'pnpm',
  'npm workspaces',
  'yarn 1',
  'yarn 4',
  "yarn 4, Plug'n'Play",
] as const;
