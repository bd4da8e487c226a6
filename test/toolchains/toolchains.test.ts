import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { mainFile, SERVICES, workerFile } from './sources.js';
import {
  INSTALLATIONS,
  JAVASCRIPT,
  manifest,
  PACKAGE_MANAGERS,
  TOOLCHAINS,
  tsconfig,
  TYPESCRIPT,
  type Installation,
  type Toolchain,
} from './toolchains.js';
import { install, makeProject, NPM_FLAGS, oneOfTwo, projectFolder, run, tryToRun } from './user-project.js';

const folder = projectFolder();
const installed = new Map<Installation, Promise<string>>();

beforeAll(() => {
  for (const [name, packages] of Object.entries(INSTALLATIONS) as [Installation, readonly string[]][]) {
    const done = install(join(folder(), name), packages);
    // Reported by the tests that need it.
    done.catch(() => undefined);
    installed.set(name, done);
  }
});

describe.concurrent('a project of a user', () => {
  const titled = TOOLCHAINS.map((one): [string, Toolchain] => [
    one.variant === undefined ? one.tool : `${one.tool}: ${one.variant}`,
    one,
  ]);

  test.each(titled)('%s', { timeout: 300_000 }, async (title, toolchain) => {
    const { files, build = [], env, prints, refuses } = toolchain;
    const path = join(folder(), 'projects', title.replaceAll(/[^\w.]+/g, '-'));
    const project = makeProject(path, files, await installed.get(toolchain.installation));
    for (const command of build) await run(project, command);
    const { code, output } = await tryToRun(project, toolchain.run, env);
    expect(output).toMatch(refuses ?? prints!);
    expect(code === 0, `exit code ${String(code)}`).toBe(refuses === undefined);
  });

  test('pnpm', { timeout: 300_000 }, async () => {
    const pnpm = join((await installed.get('pnpm'))!, 'node_modules', '.bin', 'pnpm');
    const project = makeProject(join(folder(), 'projects', 'pnpm'), {
      ...TYPESCRIPT,
      'tsconfig.json': tsconfig(),
      'package.json': manifest(`file:${inject('tarball')}`),
    });
    // Without a store or settings of the developer's. The default settings of pnpm fail on install scripts.
    const own = {
      XDG_DATA_HOME: join(project, '.data'),
      XDG_CONFIG_HOME: join(project, '.config'),
      CI: 'true',
    };
    await oneOfTwo(() => run(project, `${pnpm} install --no-frozen-lockfile`, own));
    await run(project, 'tsc -p .');
    expect((await run(project, 'node dist/main.js')).output).toContain('COMPLETED: Hello, Ada!');
  });

  test.each([
    ['yarn 1', 'yarn/bin', 'install --non-interactive --no-progress', '', 'node'],
    ['yarn 4', '@yarnpkg/cli-dist/bin', 'install --no-immutable', 'nodeLinker: node-modules', 'node'],
    [
      "yarn 4, Plug'n'Play",
      '@yarnpkg/cli-dist/bin',
      'install --no-immutable',
      'nodeLinker: pnp',
      'yarn node',
    ],
  ] satisfies (readonly [(typeof PACKAGE_MANAGERS)[number], ...string[]])[])(
    '%s',
    { timeout: 300_000 },
    async (title, bin, installs, settings, node) => {
      const yarn = `node ${join((await installed.get('yarn'))!, 'node_modules', bin, 'yarn.js')}`;
      const project = makeProject(join(folder(), 'projects', title.replaceAll(/\W+/g, '-')), {
        ...JAVASCRIPT,
        'package.json': manifest(`file:${inject('tarball')}`),
        '.yarnrc.yml': `${settings}\n`,
      });
      // The registry that npm uses, and no cache of the developer's.
      const registry = (await run(project, 'npm config get registry --loglevel=error')).output
        .trim()
        .replace(/\/$/, '');
      const own = {
        CI: 'true',
        YARN_REGISTRY: registry,
        YARN_CACHE_FOLDER: join(project, '.cache'),
        YARN_NPM_REGISTRY_SERVER: registry,
        YARN_GLOBAL_FOLDER: join(project, '.yarn-global'),
        YARN_ENABLE_TELEMETRY: '0',
      };
      await oneOfTwo(() => run(project, `${yarn} ${installs}`, own));
      const { output } = await run(project, `${node.replace('yarn', yarn)} main.js`, own);
      expect(output).toContain('COMPLETED: Hello, Ada! by greet:GreetWorker#1 in a process of its own');
      expect(existsSync(join(project, 'node_modules'))).toBe(!title.includes('Play'));
    },
  );

  test(
    'npm workspaces with two copies of Inversify: runs, but the compiler tells them apart',
    { timeout: 300_000 },
    async () => {
      const { dependencies, ...rest } = JSON.parse(manifest(`file:${inject('tarball')}`)) as {
        dependencies: object;
      };
      const project = makeProject(join(folder(), 'projects', 'two-copies'), {
        'package.json': JSON.stringify({ private: true, workspaces: ['packages/*'] }),
        'packages/services/package.json': JSON.stringify({
          name: '@example/services',
          version: '1.0.0',
          type: 'module',
          exports: { types: './dist/services.d.ts', default: './dist/services.js' },
          dependencies: { inversify: '8.2.2', 'reflect-metadata': '^0.2' },
        }),
        'packages/services/services.ts': SERVICES,
        'packages/services/tsconfig.json': tsconfig({ declaration: true }),
        'packages/app/package.json': JSON.stringify({
          ...rest,
          dependencies: { ...dependencies, inversify: '8.2.3', '@example/services': '*' },
        }),
        'packages/app/greet.worker.ts': workerFile('by type', '', '@example/services'),
        'packages/app/main.ts': mainFile('./greet.worker.js', '@example/services'),
        'packages/app/tsconfig.json': tsconfig(),
      });
      await oneOfTwo(() => run(project, `npm install ${NPM_FLAGS}`));
      expect(existsSync(join(project, 'packages/services/node_modules/inversify'))).toBe(true);
      await run(project, 'tsc -p packages/services');
      const compiled = await tryToRun(project, 'tsc -p packages/app');
      expect(compiled.code).not.toBe(0);
      expect(compiled.output).toMatch(
        /main\.ts.*error TS2322[^]*'#private' in type 'ContainerModule' refers to a different member/,
      );
      expect((await run(project, 'node packages/app/dist/main.js')).output).toContain(
        'COMPLETED: Hello, Ada!',
      );
    },
  );

  test('npm workspaces', { timeout: 300_000 }, async () => {
    const project = makeProject(join(folder(), 'projects', 'workspaces'), {
      'package.json': JSON.stringify({ private: true, workspaces: ['packages/*'] }),
      'packages/workers/package.json': JSON.stringify({
        ...(JSON.parse(manifest(`file:${inject('tarball')}`)) as object),
        name: '@example/workers',
        version: '1.0.0',
        exports: { types: './dist/greet.worker.d.ts', default: './dist/greet.worker.js' },
      }),
      'packages/workers/greet.worker.ts': workerFile('by type'),
      'packages/workers/tsconfig.json': tsconfig({ declaration: true }),
      'packages/app/package.json': manifest(`file:${inject('tarball')}`, { '@example/workers': '*' }),
      'packages/app/main.ts': mainFile('@example/workers'),
      'packages/app/tsconfig.json': tsconfig(),
    });
    await oneOfTwo(() => run(project, `npm install ${NPM_FLAGS}`));
    await run(project, 'tsc -p packages/workers && tsc -p packages/app');
    expect((await run(project, 'node packages/app/dist/main.js')).output).toContain('COMPLETED: Hello, Ada!');
  });
});

test('every tool of the table has a row in the guide, and no other', () => {
  const guide = readFileSync(new URL('../../docs/guides/8-toolchains.md', import.meta.url), 'utf8');
  const rows = [...guide.matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map(([, tool]) => tool);
  const tools = new Set([...TOOLCHAINS.map(({ tool }) => tool), ...PACKAGE_MANAGERS]);
  expect(new Set(rows)).toEqual(tools);
  expect(rows).toHaveLength(tools.size);
});
