import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { workerFile, mainFile } from './sources.js';
import {
  INSTALLATIONS,
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
