import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandOf, hasVariable, processTable } from '../support/processes.js';
import { until } from '../support/until.js';
import { readFiles } from './readme-example.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GUIDE = readFileSync(join(ROOT, 'docs/guides/6-testing-and-the-embedded-server.md'), 'utf8');
const MARKER = 'TUTTI_TEST_ID';
/** A runner that hangs would do so for ever. */
const HANG_MS = 60_000;

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2022'],
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    rootDir: '.',
    outDir: 'dist',
  },
  include: ['*.ts'],
};

const RUNNERS = [
  { heading: '## Vitest', command: 'vitest run', env: {}, stop: 'afterAll(() => orchestrator.stop());' },
  {
    heading: '## Jest',
    command: 'jest --rootDir dist',
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
    stop: 'afterAll(() => orchestrator.stop());',
  },
  {
    heading: '## node:test',
    command: 'node --test dist/greet.test.js',
    env: {},
    stop: 'after(() => orchestrator.stop());',
  },
] as const;

let folder = '';
let modules = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-testing-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  const { stdout } = await npm(ROOT, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const versions = ['inversify', 'reflect-metadata', 'typescript', '@types/node', 'vitest', 'vite'].map(
    (name) => `${name}@${versionHere(name)}`,
  );
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await npm(folder, 'install', ...quiet, join(folder, filename), ...versions, 'jest@30', '@jest/globals@30');
  modules = join(folder, 'node_modules');
}, 300_000);

afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

describe.each(RUNNERS)('$heading of the guide', ({ heading, command, env, stop }) => {
  const name = heading.replace(/\W/g, '').toLowerCase();

  test('its example passes', async () => {
    const project = await makeProject(name, readFiles(GUIDE, heading));
    const { code, output } = await runIn(project, command, env);
    expect(output).toMatch(name === 'nodetest' ? /# pass 2|pass 2/ : /passed/);
    expect(code, output).toBe(0);
  });

  test('a forgotten stop() does not keep it from ending, and no process stays', async () => {
    const files = readFiles(GUIDE, heading).map(({ name: file, content }) => {
      expect(content).toContain(stop);
      return { name: file, content: content.replace(stop, '') };
    });
    const project = await makeProject(`${name}-forgotten`, files);
    const { code, output, left } = await runIn(project, command, env);
    expect(code, output).toBe(0);
    expect(output).not.toContain('did not exit');
    await until(
      () => left().length === 0,
      () =>
        `the end of ${left()
          .map((pid) => `${pid} ${commandOf(pid)}`)
          .join('\n')}`,
    );
  });
});

test('a program that a test starts as a process', async () => {
  const project = await makeProject('program', readFiles(GUIDE, '## The program as a process'));
  const { code, output, left } = await runIn(project, 'node --test dist/program.test.js', {});
  expect(code, output).toBe(0);
  expect(left()).toEqual([]);
});

test('node:test: a process stays alive while somebody waits for an event, and no longer', async () => {
  const waits = `
    import { once } from 'node:events';
    import { test } from 'node:test';
    import { bootstrap } from 'tutti';
    import { embeddedServer } from 'tutti/server';
    import { GreetWorker } from './greet.worker.js';
    test('waits for an event that comes late', async () => {
      const orchestrator = await bootstrap({
        workers: [GreetWorker], server: embeddedServer(), entry: new URL('./main.js', import.meta.url),
      });
      const { replicas: [replica] } = orchestrator.status();
      const exit = once(orchestrator, 'exit');
      await new Promise((resolve) => setImmediate(resolve));
      process.kill(replica!.pid!, 'SIGKILL');
      await exit;
    });`;
  const project = await makeProject('event', [{ name: 'greet.test.ts', content: waits }]);
  const { code, output, left } = await runIn(project, 'node --test dist/greet.test.js', {});
  expect(code, output).toBe(0);
  await until(() => left().length === 0, 'the end of the processes');
});

interface File {
  readonly name: string;
  readonly content: string;
}

/** The project of the guide with the tests of one runner, compiled. */
async function makeProject(name: string, files: readonly File[]): Promise<string> {
  const project = join(folder, name);
  mkdirSync(project);
  const all = [...readFiles(GUIDE, '## The project'), ...files];
  for (const file of all) writeFileSync(join(project, file.name), file.content);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  writeFileSync(
    join(project, 'vitest.config.js'),
    "export default { test: { include: ['*.test.ts'], hookTimeout: 60_000, testTimeout: 60_000 } };",
  );
  symlinkSync(modules, join(project, 'node_modules'), 'junction');
  await run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', project], { cwd: project }).catch(
    (error: { stdout?: string }) => {
      throw new Error(`the example does not compile:\n${error.stdout ?? ''}`, { cause: error });
    },
  );
  return project;
}

async function runIn(
  cwd: string,
  command: string,
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string; left: () => number[] }> {
  const id = randomUUID();
  const child = spawn(command, {
    cwd,
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      PATH: `${dirname(process.execPath)}:${join(modules, '.bin')}:${process.env['PATH'] ?? ''}`,
      HOME: cwd,
      NO_COLOR: '1',
      TUTTI_STATE_DIR: join(cwd, 'state'),
      [MARKER]: id,
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const timer = setTimeout(() => {
    output += '\n(it hung, and was killed)';
    process.kill(-child.pid!, 'SIGKILL');
  }, HANG_MS);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  const left = (): number[] =>
    processTable()
      .map(({ pid }) => pid)
      .filter((pid) => hasVariable(pid, MARKER, id));
  return { code, output, left };
}

function versionHere(name: string): string {
  const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function npm(cwd: string, ...args: string[]) {
  return run('npm', args, { cwd, env: userEnvironment() });
}

function userEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean =>
    /^(?:VITEST|NODE_OPTIONS$|npm_(?:package|lifecycle|command))/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}
