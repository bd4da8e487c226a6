import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  findProjects,
  isFile,
  planLookup,
  type LookupPlace,
} from '../../../../src/native/library/library-lookup.js';

const LINUX: LookupPlace = {
  platform: 'linux',
  arch: 'x64',
  cwd: '/app',
  mainFile: '/app/dist/main.js',
  searchPath: undefined,
};
const MAC: LookupPlace = { ...LINUX, platform: 'darwin', arch: 'arm64' };
const WINDOWS: LookupPlace = {
  platform: 'win32',
  arch: 'x64',
  cwd: 'C:\\app',
  mainFile: 'C:\\app\\dist\\main.js',
  searchPath: undefined,
};

const files = (library: string, place: LookupPlace, projects: string[], path?: string | URL): string[] =>
  planLookup({ library, path }, place, projects).map(({ kind, location }) =>
    kind === 'system' ? `system: ${location}` : location,
  );

describe('planLookup', () => {
  it.each<[string, LookupPlace, string, string[]]>([
    [
      'linux',
      LINUX,
      '/app',
      [
        '/app/native/build/linux-x64/libsum.so',
        '/app/native/build/linux-x64/sum.so',
        '/app/native/build/libsum.so',
        '/app/native/build/sum.so',
      ],
    ],
    [
      'darwin',
      MAC,
      '/app',
      [
        '/app/native/build/darwin-arm64/libsum.dylib',
        '/app/native/build/darwin-arm64/sum.dylib',
        '/app/native/build/libsum.dylib',
        '/app/native/build/sum.dylib',
      ],
    ],
    [
      'win32',
      WINDOWS,
      'C:\\app',
      [
        'C:\\app\\native\\build\\win32-x64\\sum.dll',
        'C:\\app\\native\\build\\win32-x64\\libsum.dll',
        'C:\\app\\native\\build\\sum.dll',
        'C:\\app\\native\\build\\libsum.dll',
      ],
    ],
  ])("a plain name on %s: the project's build", (_, place, project, expected) => {
    expect(files('sum', place, [project])).toEqual(expected);
  });

  it('an absolute path is the only candidate', () => {
    expect(files('/opt/lib/../libsum.so', { ...LINUX, searchPath: '/other' }, ['/app'])).toEqual([
      '/opt/libsum.so',
    ]);
    expect(files('D:\\lib\\sum.dll', WINDOWS, ['C:\\app'])).toEqual(['D:\\lib\\sum.dll']);
  });

  it('TUTTI_NATIVE_PATH comes first: files and folders, relative ones from the working folder', () => {
    const plan = files('sum', { ...LINUX, searchPath: '/a/libother.so:/b:c:' }, ['/app']);
    expect(plan.slice(0, 5)).toEqual([
      '/a/libother.so',
      '/b/libsum.so',
      '/b/sum.so',
      '/app/c/libsum.so',
      '/app/c/sum.so',
    ]);
    expect(plan).toContain('/app/native/build/linux-x64/libsum.so');
    expect(files('sum', { ...WINDOWS, searchPath: 'D:\\b;c' }, ['C:\\app']).slice(0, 3)).toEqual([
      'D:\\b\\sum.dll',
      'D:\\b\\libsum.dll',
      'C:\\app\\c\\sum.dll',
    ]);
  });

  it('the option path stands instead of the usual places, behind the environment', () => {
    expect(files('sum', LINUX, ['/app', '/'], 'lib')).toEqual([
      '/app/lib/libsum.so',
      '/app/lib/sum.so',
      '/lib/libsum.so',
      '/lib/sum.so',
    ]);
    expect(files('sum', LINUX, ['/app'], '/opt/libsum.so.3')).toEqual(['/opt/libsum.so.3']);
    expect(files('sum', { ...LINUX, searchPath: '/b/x.so' }, ['/app'], '/opt')).toEqual([
      '/b/x.so',
      '/opt/libsum.so',
      '/opt/sum.so',
    ]);
    expect(files('sum', LINUX, ['/app'], new URL('file:///opt/my%20libs/libsum.so'))).toEqual([
      '/opt/my libs/libsum.so',
    ]);
    expect(files('sum', WINDOWS, ['C:\\app'], new URL('file:///D:/libs/sum.dll'))).toEqual([
      'D:\\libs\\sum.dll',
    ]);
  });

  it('a name with a package in front is looked for in node_modules', () => {
    expect(files('@acme/maths/lib/sum', LINUX, ['/app'])).toEqual([
      '/app/node_modules/@acme/maths/lib/libsum.so',
      '/app/node_modules/@acme/maths/lib/sum.so',
      '/app/node_modules/@acme/maths/native/build/linux-x64/libsum.so',
      '/app/node_modules/@acme/maths/native/build/linux-x64/sum.so',
      '/app/node_modules/@acme/maths/native/build/libsum.so',
      '/app/node_modules/@acme/maths/native/build/sum.so',
    ]);
    expect(files('maths/libsum.so', LINUX, ['/app'])[0]).toBe('/app/node_modules/maths/libsum.so');
  });

  it('the file name of a library is left as it is, and may be known to the system', () => {
    expect(files('libm.so.6', LINUX, ['/app'])).toEqual([
      '/app/native/build/linux-x64/libm.so.6',
      '/app/native/build/libm.so.6',
      'system: libm.so.6',
    ]);
    expect(files('libSystem.dylib', MAC, ['/app']).at(-1)).toBe('system: libSystem.dylib');
    expect(files('kernel32.dll', WINDOWS, ['C:\\app']).at(-1)).toBe('system: kernel32.dll');
    expect(files('libm.so.6', LINUX, ['/app'], '/opt')).toEqual(['/opt/libm.so.6']);
  });
});

describe('isFile', () => {
  it('is false for what cannot be asked for', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-lookup-'));
    const loop = join(folder, 'loop.so');
    symlinkSync('loop.so', loop);
    const file = fileURLToPath(import.meta.url);
    expect([file, folder, loop, join(file, 'inside'), 'x'.repeat(5_000), 'a\0b'].map(isFile)).toEqual([
      true,
      ...Array.from({ length: 5 }, () => false),
    ]);
    rmSync(folder, { recursive: true });
  });
});

describe('findProjects', () => {
  const existing =
    (...paths: string[]) =>
    (path: string): boolean =>
      paths.includes(path);

  it('takes the folders with a package.json above the main file, nearest first', () => {
    const place = { ...LINUX, cwd: '/elsewhere', mainFile: '/mono/packages/a/build/main.js' };
    const exists = existing('/mono/packages/a/package.json', '/mono/package.json', '/elsewhere/package.json');
    expect(findProjects(place, exists)).toEqual(['/mono/packages/a', '/mono']);
  });

  it('takes a relative main file from the working folder', () => {
    expect(findProjects({ ...LINUX, mainFile: '../b/main.js' }, existing('/b/package.json'))).toEqual(['/b']);
  });

  it('starts at the folder itself where there is no package.json', () => {
    expect(findProjects(LINUX, existing())).toEqual(['/app/dist']);
    expect(findProjects(WINDOWS, existing('C:\\app\\package.json'))).toEqual(['C:\\app']);
  });

  it('takes the working folder where there is no main file', () => {
    expect(findProjects({ ...LINUX, mainFile: undefined }, existing())).toEqual(['/app']);
    expect(findProjects({ ...LINUX, mainFile: undefined }, existing('/package.json'))).toEqual(['/']);
  });

  it('takes no folder that everybody may put files into', () => {
    const place = { ...LINUX, mainFile: '/tmp/job/main.js' };
    const isTmp = (folder: string): boolean => folder === '/tmp';
    const exists = existing('/tmp/package.json', '/tmp/job/package.json');
    expect(findProjects(place, exists, isTmp)).toEqual(['/tmp/job']);
    expect(findProjects(place, existing('/tmp/package.json'), isTmp)).toEqual([]);
    expect(findProjects({ ...LINUX, mainFile: '/tmp/main.js' }, existing(), isTmp)).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')(
    'sees by its mode that everybody may put files into a folder',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'tutti-lookup-'));
      writeFileSync(join(folder, 'package.json'), '{}');
      const place = { ...LINUX, mainFile: join(folder, 'main.js') };
      expect(findProjects(place)).toContain(folder);
      chmodSync(folder, 0o1777);
      expect(findProjects(place)).not.toContain(folder);
      rmSync(folder, { recursive: true });
    },
  );
});
