import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCompiler } from '../../scripts/build-native.mjs';
import { buildFolder, libraryFile } from '../../scripts/native-commands.mjs';

const SCRIPT = fileURLToPath(new URL('../../scripts/build-native.mjs', import.meta.url));
const hasCompiler = findCompiler() !== undefined;
if (!hasCompiler)
  console.warn('NOT RUN: there is no C++ compiler, tests that compile native libraries are skipped');

let root;
const source = (name, text) => {
  const file = join(root, 'native', name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
};
const output = (name) =>
  join(buildFolder(root, process.platform, process.arch), libraryFile(name, process.platform));
const run = (args = ['--root', root], env = process.env) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};
const SUM = 'extern "C" int add(int a, int b) { return a + b; }\n';
const WITHOUT_COMPILER = { PATH: '/nowhere', Path: '/nowhere' };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tutti-native-build-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('with a compiler', () => {
  it.skipIf(!hasCompiler)('builds every folder with sources, and leaves nothing else behind', () => {
    source('sum/add.cpp', SUM);
    source('mixed/one.c', 'int one(void) { int class = 1; return class; }\n');
    source('mixed/two.cc', 'extern "C" int one(void); extern "C" int two() { return one() + one(); }\n');
    source('no-sources/readme.txt', 'nothing\n');
    const { status, stdout, stderr } = run();
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^built .*sum/m);
    expect(readdirSync(buildFolder(root, process.platform, process.arch)).sort()).toEqual(
      [libraryFile('mixed', process.platform), libraryFile('sum', process.platform)].sort(),
    );
  });

  it.skipIf(!hasCompiler)('builds only what is older than its sources or headers', () => {
    source('sum/add.cpp', SUM);
    const header = source('other/other.h', '#define VALUE 1\n');
    source('other/other.c', '#include "other.h"\nint value(void) { return VALUE; }\n');
    run();
    const built = { sum: statSync(output('sum')).mtimeMs, other: statSync(output('other')).mtimeMs };
    expect(run().stdout.match(/^up to date: /gm)).toHaveLength(2);

    const later = new Date(built.other + 1000);
    utimesSync(header, later, later);
    expect(run().stdout).toMatch(/up to date: .*sum[^]*built .*other/);
    expect(statSync(output('sum')).mtimeMs).toBe(built.sum);
    expect(statSync(output('other')).mtimeMs).toBeGreaterThan(built.other);
  });

  it.skipIf(!hasCompiler)(
    'a header in a folder below and a source that is gone count, hidden files do not',
    () => {
      source('sum/add.cpp', '#include "include/add.h"\n' + SUM);
      const header = source('sum/include/add.h', '#define VALUE 1\n');
      source('sum/.#add.cpp', 'of an editor\n');
      const more = source('sum/more.c', 'int more(void) { return 1; }\n');
      run();
      expect(run().stdout).toMatch(/^up to date/);
      const later = new Date(statSync(output('sum')).mtimeMs + 1000);
      utimesSync(header, later, later);
      expect(run().stdout).toMatch(/^built /);
      const now = new Date();
      utimesSync(header, now, now);
      run();
      rmSync(more);
      expect(run().stdout).toMatch(/^built /);
    },
  );

  it.skipIf(!hasCompiler)("fails with the compiler's words, and leaves the last library as it was", () => {
    const file = source('sum/add.cpp', SUM);
    run();
    const before = readFileSync(output('sum'));
    writeFileSync(file, 'extern "C" int add(int a) { return a + nonsense; }\n');
    const later = new Date(Date.now() + 1000);
    utimesSync(file, later, later);
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^NATIVE_BUILD_FAILED: sum: /);
    expect(stderr).toMatch(/nonsense/);
    expect(readFileSync(output('sum')).equals(before)).toBe(true);
    expect(readdirSync(buildFolder(root, process.platform, process.arch))).toHaveLength(1);
  });

  it.skipIf(!hasCompiler)(
    'a library that fails does not keep others from being built; --optional does not excuse it',
    () => {
      source('bad/bad.cpp', 'this is not C++\n');
      source('sum/add.cpp', SUM);
      const { status, stdout } = run(['--root', root, '--optional']);
      expect(status).toBe(1);
      expect(stdout).toMatch(/^built .*sum/m);
    },
  );
});

describe.skipIf(!hasCompiler)('options', () => {
  it('what was built with others is built anew', () => {
    source('sum/add.cpp', SUM);
    run();
    expect(run(['--root', root, '--debug']).stdout).toMatch(/^built /);
    expect(run(['--root', root, '--debug']).stdout).toMatch(/^up to date/);
    expect(run().stdout).toMatch(/^built /);
  });

  it('a sanitizer that is not known is refused', () => {
    source('sum/add.cpp', SUM);
    const { status, stderr } = run(['--root', root, '--sanitize', 'address,memory']);
    expect(status).toBe(1);
    expect(stderr).toContain('expected --sanitize to be a list of address, undefined, thread, got "memory"');
  });

  const asan =
    process.platform === 'linux'
      ? spawnSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim()
      : undefined;
  const hasAsan = asan !== undefined && asan.startsWith('/');
  if (!hasAsan) console.warn('NOT RUN: there is no address sanitizer');

  it.skipIf(!hasAsan)('a sanitizer finds what goes wrong, with its line', () => {
    source(
      'over/over.cpp',
      'extern "C" int over(int i) {\n  int *p = new int[2];\n  const int r = p[i];\n  delete[] p;\n  return r;\n}\n',
    );
    const { status, stdout } = run(['--root', root, '--sanitize', 'address']);
    expect(status).toBe(0);
    expect(stdout).toContain('Run with: ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=');
    const program = `require('koffi').load(${JSON.stringify(output('over'))}).func('int over(int)')(2)`;
    const ran = spawnSync(process.execPath, ['-e', program], {
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
      env: { ...process.env, LD_PRELOAD: asan, ASAN_OPTIONS: 'detect_leaks=0' },
      encoding: 'utf8',
    });
    expect(ran.stderr).toContain('heap-buffer-overflow');
    expect(ran.stderr).toMatch(/over\.cpp:3/);
  });
});

describe.skipIf(!hasCompiler)('functions without extern "C"', () => {
  it('fail the build when nothing else can be called', () => {
    source('sum/add.cpp', 'int add(int a, int b) { return a + b; }\n');
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toContain(
      'NATIVE_BUILD_FAILED: sum: nothing is exported under its C name; put extern "C" before add',
    );
  });

  it('are named when there are others', () => {
    source('sum/add.cpp', `${SUM}int subtract(int a, int b) { return a - b; }\n`);
    const { status, stderr } = run();
    expect(status).toBe(0);
    expect(stderr).toContain('sum: not exported under their C names: subtract; put extern "C" before');
  });

  it('in C sources are as they should be', () => {
    source('sum/add.c', 'int add(int a, int b) { return a + b; }\n');
    expect(run()).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('the command of the package', () => {
  const tutti = (...args) =>
    spawnSync(
      process.execPath,
      [fileURLToPath(new URL('../../scripts/tutti.mjs', import.meta.url)), ...args],
      {
        encoding: 'utf8',
        cwd: root,
      },
    );

  it('builds the project in the working folder', () => {
    source('docs/readme.txt', 'nothing\n');
    expect(tutti('native', 'build')).toMatchObject({ status: 0, stderr: '' });
    expect(tutti('native', 'build', '--help').stdout).toContain('--sanitize LIST');
  });

  it('says what there is', () => {
    expect(tutti('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('native build') });
    expect(tutti('natvie')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('There is no command "tutti natvie"'),
    });
  });
});

describe('without a compiler', () => {
  it('says what to install and exits with 1', () => {
    source('sum/add.cpp', SUM);
    const { status, stderr } = run(undefined, WITHOUT_COMPILER);
    expect(status).toBe(1);
    expect(stderr).toContain(
      'NATIVE_COMPILER_MISSING: there is no C++ compiler to build the native libraries with (sum).',
    );
    for (const word of [
      'Debian',
      'apt-get install g++',
      'Alpine',
      'apk add g++',
      'macOS',
      'xcode-select',
      'Windows',
    ]) {
      expect(stderr).toContain(word);
    }
  });

  it('--optional: warns and exits with 0', () => {
    source('sum/add.cpp', SUM);
    const { status, stderr } = run(['--root', root, '--optional'], WITHOUT_COMPILER);
    expect(status).toBe(0);
    expect(stderr).toContain('NATIVE_COMPILER_MISSING');
    expect(stderr).toContain('Going on without');
  });

  it('a CXX that cannot be run is named, and no other compiler is taken', () => {
    source('sum/add.cpp', SUM);
    const { status, stderr } = run(undefined, { ...process.env, CXX: 'no-such-compiler -x' });
    expect(status).toBe(1);
    expect(stderr).toContain('Tried: no-such-compiler -x.');
  });
});

describe('nothing to build', () => {
  it('no native folder', () => {
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toContain(`${join(root, 'native')} does not exist`);
  });

  it('a native folder without sources', () => {
    source('docs/readme.txt', 'nothing\n');
    const { status, stdout } = run(undefined, WITHOUT_COMPILER);
    expect(status).toBe(0);
    expect(stdout).toContain('There is nothing to build');
  });

  it('unknown options', () => {
    const { status, stderr } = run(['--rot', root]);
    expect(status).toBe(1);
    expect(stderr).toContain("Unknown option '--rot'");
    expect(stderr).toContain('Usage: build-native');
  });
});
