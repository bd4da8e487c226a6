import { describe, expect, it } from 'vitest';
import {
  buildFolder,
  compileCommand,
  compilerCandidates,
  libraryFile,
} from '../../../scripts/build-native.mjs';

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
