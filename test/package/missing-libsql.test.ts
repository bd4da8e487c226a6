import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Later versions of Node.js have SQLite themselves, unless they are started without it. */
const WITHOUT_SQLITE = isBuiltin('node:sqlite') ? ['--no-experimental-sqlite'] : [];

const PROGRAM = `
  import { embeddedServer } from 'tutti/server';
  const silent = Object.fromEntries(['debug', 'info', 'warn', 'error', 'log'].map((name) => [name, () => {}]));
  try {
    const server = await embeddedServer({ file: 'conductor.db' }).start(silent);
    await server.close();
    console.log('started');
  } catch ({ code, message, details }) {
    console.log(JSON.stringify({ code, message, details }));
  }
  const memory = await embeddedServer().start(silent);
  await memory.close();
  console.log('in memory');
`;

let project = '';

/** A project that has the package and what it depends on, but none of its optional peers. */
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'tutti-sqlite-'));
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'tutti'), { recursive: true });
  cpSync(join(ROOT, 'dist'), join(modules, 'tutti', 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(modules, 'tutti', 'package.json'));
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name.startsWith('.') || ['libsql', '@libsql', 'tutti'].includes(name)) continue;
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(project, 'main.mjs'), PROGRAM);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

async function runProgram(): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...WITHOUT_SQLITE, 'main.mjs'], {
    cwd: project,
    timeout: 60_000,
  });
  return stdout.trim().split('\n');
}

test('without libsql, a file is refused with the package to install and the Node.js that needs none', async () => {
  const [reported = '', memory] = await runProgram();
  expect(JSON.parse(reported)).toEqual({
    code: 'CONFIG_INVALID',
    message: `embeddedServer({ file }) needs SQLite, and Node.js ${process.versions.node} has none. Install the package libsql (npm install libsql), or run Node.js 22.13 or later`,
    details: { package: 'libsql' },
  });
  // What needs no file works all the same.
  expect(memory).toBe('in memory');
  expect(readdirSync(project).sort()).toEqual(['main.mjs', 'node_modules']);
});

test('with a libsql that lacks its native part, a file is refused with the reason', async () => {
  const folder = join(project, 'node_modules', 'libsql');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'libsql', main: 'index.js' }));
  writeFileSync(join(folder, 'index.js'), `require('@libsql/another-platform');`);
  const [reported = ''] = await runProgram();
  const { code, message } = JSON.parse(reported) as { code: string; message: string };
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain('the package libsql is installed but cannot be loaded');
  expect(message).toContain('@libsql/another-platform');
  expect(message).toContain(`${process.platform}, ${process.arch}`);
  expect(message).toContain('npm install libsql');
});
