import { describe, expect, it } from 'vitest';
import {
  buildFolder,
  compileCommand,
  compilerCandidates,
  exportsCommand,
  howToRun,
  libraryFile,
  readExports,
} from '../../../scripts/native-commands.mjs';

describe('compileCommand', () => {
  it('linux', () => {
    const command = compileCommand({
      compiler: ['g++'],
      platform: 'linux',
      arch: 'x64',
      sources: ['/p/native/sum/a.cpp', '/p/native/sum/b.cc'],
      output: '/p/native/build/linux-x64/libsum.so',
    });
    const flags = '-O2 -Wall -Wextra -std=c++17 -fPIC -shared -Wl,--no-undefined';
    expect(command.join(' ')).toBe(
      `g++ ${flags} -o /p/native/build/linux-x64/libsum.so -x c++ /p/native/sum/a.cpp /p/native/sum/b.cc`,
    );
  });

  it('darwin, for the architecture of Node', () => {
    const options = {
      compiler: ['c++'],
      platform: 'darwin',
      sources: ['/p/a.cpp'],
      output: '/p/libsum.dylib',
    };
    const command = compileCommand({ ...options, arch: 'arm64' });
    const flags =
      '-O2 -Wall -Wextra -std=c++17 -fPIC -dynamiclib -arch arm64 -Wl,-install_name,@rpath/libsum.dylib';
    expect(command.join(' ')).toBe(`c++ ${flags} -o /p/libsum.dylib -x c++ /p/a.cpp`);
    expect(compileCommand({ ...options, arch: 'x64' }).join(' ')).toContain(' -arch x86_64 ');
  });

  it('win32 with the compiler of Visual Studio', () => {
    const command = compileCommand({
      compiler: ['C:\\Program Files\\VS\\cl.exe'],
      platform: 'win32',
      arch: 'x64',
      sources: ['C:\\p\\a.cpp', 'C:\\p\\b.c'],
      output: 'C:\\p\\out\\sum.dll',
    });
    expect(command).toEqual([
      'C:\\Program Files\\VS\\cl.exe',
      '/nologo',
      '/O2',
      '/EHsc',
      '/std:c++17',
      '/W3',
      '/LD',
      'C:\\p\\a.cpp',
      'C:\\p\\b.c',
      '/Fo:C:\\p\\out\\',
      '/Fe:C:\\p\\out\\sum.dll',
    ]);
  });

  it('win32 with MinGW', () => {
    const command = compileCommand({
      compiler: ['g++'],
      platform: 'win32',
      arch: 'x64',
      sources: ['C:\\p\\a.cpp'],
      output: 'C:\\p\\sum.dll',
    });
    expect(command.join(' ')).toBe(
      'g++ -O2 -Wall -Wextra -std=c++17 -shared -static -o C:\\p\\sum.dll -x c++ C:\\p\\a.cpp',
    );
  });

  it('compiles C as C', () => {
    const options = { compiler: ['ccache', 'g++'], platform: 'linux', arch: 'x64', output: '/p/libx.so' };
    const mixed = compileCommand({ ...options, sources: ['/p/a.c', '/p/b.cpp'] });
    expect(mixed.slice(0, 2)).toEqual(['ccache', 'g++']);
    expect(mixed.join(' ')).toContain('-x c++ /p/b.cpp -x c /p/a.c');
    expect(mixed).not.toContain('-std=c++17');
    expect(compileCommand({ ...options, sources: ['/p/a.c'] })).not.toContain('c++');
  });
});

describe('debug and sanitizer builds', () => {
  const line = (platform, options, compiler = ['c++']) =>
    compileCommand({
      compiler,
      platform,
      arch: 'x64',
      sources: [platform === 'win32' ? 'C:\\p\\a.cpp' : '/p/a.cpp'],
      output: platform === 'win32' ? 'C:\\p\\out\\x.dll' : '/p/libx.so',
      ...options,
    }).join(' ');

  it.each([
    ['linux', { debug: true }, '-O0 -g -Wall -Wextra -std=c++17 -fPIC -shared -Wl,--no-undefined -o'],
    [
      'linux',
      { sanitize: ['address', 'undefined'] },
      '-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -Wall -Wextra -std=c++17 -fPIC -shared -o',
    ],
    [
      'linux',
      { debug: true, sanitize: ['thread'] },
      '-O0 -g -fno-omit-frame-pointer -fsanitize=thread -Wall',
    ],
    ['darwin', { debug: true }, '-O0 -g -Wall -Wextra -std=c++17 -fPIC -dynamiclib -arch x86_64'],
    ['darwin', { sanitize: ['address'] }, '-O1 -g -fno-omit-frame-pointer -fsanitize=address -Wall'],
  ])('%s %j', (platform, options, expected) => {
    expect(line(platform, options)).toContain(`c++ ${expected}`);
  });

  it('win32 with the compiler of Visual Studio', () => {
    expect(line('win32', { debug: true }, ['cl'])).toMatch(/^cl \/nologo \/Od \/Zi \/Fd:C:\\p\\out\\ \/EHsc/);
    expect(line('win32', { sanitize: ['address'] }, ['cl'])).toContain(' /fsanitize=address ');
  });

  it('how to run with a sanitizer', () => {
    expect(howToRun(['g++'], 'linux', ['address'])).toBe(
      'Run with: ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(g++ -print-file-name=libasan.so) node …',
    );
    expect(howToRun(['g++'], 'linux', ['thread'])).toContain('LD_PRELOAD=$(g++ -print-file-name=libtsan.so)');
    expect(howToRun(['c++'], 'darwin', ['address'])).toContain('DYLD_INSERT_LIBRARIES=');
  });
});

describe('what a library exports', () => {
  it('is asked of the tools of the platform', () => {
    expect(exportsCommand({ platform: 'linux', file: 'x' })).toEqual(['nm', '-D', '--defined-only', 'x']);
    expect(exportsCommand({ platform: 'darwin', file: 'x' })).toEqual(['nm', '-gU', 'x']);
    expect(exportsCommand({ platform: 'win32', file: 'x' })).toEqual(['dumpbin', '/nologo', '/exports', 'x']);
  });

  it('linux: C names, and C++ functions outside of namespaces', () => {
    const text = [
      '0000000000001135 T get_sum',
      '0000000000001140 T _init',
      '0000000000001149 T _Z7get_difii',
      '0000000000001160 T _ZN4text5countEv',
      '0000000000001170 W _ZNSt6vectorIiSaIiEE4sizeEv',
      '0000000000004030 B counter',
    ].join('\n');
    expect(readExports(text, 'linux')).toEqual({ c: ['get_sum'], cxx: ['get_dif'] });
  });

  it('darwin: with an underscore in front', () => {
    const text = '0000000000003f90 T __Z7get_difii\n0000000000003fa0 T _get_sum\n';
    expect(readExports(text, 'darwin')).toEqual({ c: ['get_sum'], cxx: ['get_dif'] });
  });

  it('win32', () => {
    const text =
      '    ordinal hint RVA      name\r\n\r\n          1    0 00001000 ?get_dif@@YAHHH@Z = x\r\n          2    1 00001010 get_sum\r\n  Summary\r\n';
    expect(readExports(text, 'win32')).toEqual({ c: ['get_sum'], cxx: ['get_dif'] });
  });
});

describe('where libraries go', () => {
  it.each([
    ['linux', 'x64', 'libsum.so', '/p/native/build/linux-x64'],
    ['linux', 'arm64', 'libsum.so', '/p/native/build/linux-arm64'],
    ['darwin', 'arm64', 'libsum.dylib', '/p/native/build/darwin-arm64'],
  ])('%s-%s', (platform, arch, file, folder) => {
    expect(libraryFile('sum', platform)).toBe(file);
    expect(buildFolder('/p', platform, arch)).toBe(folder);
  });

  it('win32-x64', () => {
    expect(libraryFile('sum', 'win32')).toBe('sum.dll');
    expect(buildFolder('C:\\p', 'win32', 'x64')).toBe('C:\\p\\native\\build\\win32-x64');
  });
});

describe('compilerCandidates', () => {
  it.each([
    ['linux', {}, [['c++'], ['g++'], ['clang++']]],
    ['darwin', { CXX: ' ' }, [['c++'], ['g++'], ['clang++']]],
    ['win32', {}, [['cl'], ['c++'], ['g++'], ['clang++']]],
    ['linux', { CXX: 'clang++-19' }, [['clang++-19']]],
    ['linux', { CXX: 'ccache  g++ -m32' }, [['ccache', 'g++', '-m32']]],
  ])('%s %j', (platform, env, expected) => {
    expect(compilerCandidates(env, platform, () => false)).toEqual(expected);
  });

  it('takes a path with spaces as one word when there is such a file', () => {
    expect(compilerCandidates({ CXX: 'C:\\My Tools\\cl.exe' }, 'win32', () => true)).toEqual([
      ['C:\\My Tools\\cl.exe'],
    ]);
  });
});
