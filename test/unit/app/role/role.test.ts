import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ConfigurationError } from '../../../../src/core/errors.js';
import {
  currentProcess,
  DISCOVERY_PROCESS,
  entryFile,
  type ProcessFacts,
} from '../../../../src/app/role/role.js';

const MAIN: ProcessFacts = { mainFile: '/app/main.js', env: {}, isClusterChild: false };

describe('where worker processes could not run the right file', () => {
  test.each<[string, Partial<ProcessFacts>, RegExp]>([
    [
      'vitest',
      { env: { VITEST: 'true' } },
      /under the test runner vitest.*take VITEST out of the environment/,
    ],
    ['jest', { env: { JEST_WORKER_ID: '1' } }, /under the test runner jest/],
    ['node --test', { env: { NODE_TEST_CONTEXT: 'child-v8' } }, /under the test runner node:test/],
    ['mocha', { mainFile: '/app/node_modules/mocha/bin/_mocha' }, /under the test runner _mocha/],
    [
      'mocha by its file',
      { mainFile: '/app/node_modules/mocha/bin/mocha.js' },
      /under the test runner mocha\.js/,
    ],
    ['a REPL', { mainFile: undefined }, /no main file.*REPL/],
    ['standard input', { mainFile: '-' }, /no main file.*standard input/],
  ])('%s: an error that tells to pass `entry`', (_title, facts, pattern) => {
    const call = (): string => entryFile(undefined, { ...MAIN, ...facts });
    expect(call).toThrow(ConfigurationError);
    expect(call).toThrow(
      expect.objectContaining({ code: 'ROLE_UNCLEAR', message: expect.stringMatching(pattern) }),
    );
    expect(call).toThrow(/pass `entry: new URL\('\.\/main\.js', import\.meta\.url\)`/);
  });

  test.each<Partial<ProcessFacts>>([{ env: { VITEST: 'true' } }, { mainFile: undefined }, {}])(
    'with `entry` it does not matter: %j',
    (facts) => {
      expect(entryFile('/app/other.js', { ...MAIN, ...facts })).toBe('/app/other.js');
    },
  );

  test.each([undefined, '/app/main.js'])(
    "somebody else's cluster child, entry %s: nothing helps but another start",
    (entry) => {
      const call = (): string => entryFile(entry, { ...MAIN, isClusterChild: true });
      expect(call).toThrow(expect.objectContaining({ code: 'ROLE_UNCLEAR' }));
      expect(call).toThrow(/PM2.*fork mode/);
    },
  );

  test.each([undefined, '/app/main.js'])('the process that imports discovered files, entry %s', (entry) => {
    const call = (): string => entryFile(entry, { ...MAIN, mainFile: DISCOVERY_PROCESS });
    expect(call).toThrow(/`discover` matches calls bootstrap\(\).*not the main file/);
  });

  it('this very test is such a place', () => {
    expect(() => entryFile(undefined, currentProcess())).toThrow(/vitest/);
  });
});

describe('the file that was started', () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-role-')));
    mkdirSync(join(folder, 'app'));
    mkdirSync(join(folder, 'packaged/lib'), { recursive: true });
    writeFileSync(join(folder, 'app/main.js'), '');
    writeFileSync(join(folder, 'app/index.js'), '');
    writeFileSync(join(folder, 'packaged/package.json'), '{"main":"lib/start.js"}');
    writeFileSync(join(folder, 'packaged/lib/start.js'), '');
    symlinkSync(join(folder, 'app/main.js'), join(folder, 'link.js'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ['a file', 'app/main.js', 'app/main.js'],
    ['a link, as npm makes them', 'link.js', 'app/main.js'],
    ['without extension', 'app/main', 'app/main.js'],
    ['a folder', 'app', 'app/index.js'],
    ['a folder with package.json', 'packaged', 'packaged/lib/start.js'],
    ['a file that is gone', 'gone.mjs', 'gone.mjs'],
  ])('%s', (_title, mainFile, expected) => {
    expect(entryFile(undefined, { ...MAIN, mainFile: join(folder, mainFile) })).toBe(join(folder, expected));
  });

  test.skipIf(process.platform === 'win32')('a link, after a pipe was looked at', () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    // Then Node.js knows the folder, and its own way through links stops there.
    entryFile(undefined, { ...MAIN, mainFile: join(folder, 'app/main.js') });
    statSync(join(folder, 'pipe'));
    expect(entryFile(undefined, { ...MAIN, mainFile: join(folder, 'link.js') })).toBe(
      join(folder, 'app/main.js'),
    );
  });
});
