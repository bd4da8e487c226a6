import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jarIn } from '../../../../scripts/conductor/boot-jar.mjs';
import {
  chooseJdk,
  jdkFolders,
  majorOf,
  versionInOutput,
  versionInReleaseFile,
} from '../../../../scripts/conductor/jdk.mjs';

describe('the version of a Java', () => {
  test.each([
    ['21.0.4', 21],
    ['25.0.3', 25],
    ['21', 21],
    ['22-ea', 22],
    ['21.0.4+7-LTS', 21],
    ['1.8.0_392', 8],
    ['17.0.12\n', 17],
    ['', undefined],
    ['unknown', undefined],
  ])('%j has the feature release %j', (version, major) => {
    expect(majorOf(version)).toBe(major);
  });

  test('in a release file', () => {
    const text = 'IMPLEMENTOR="Somebody"\nJAVA_RUNTIME_VERSION="25.0.3+9-LTS"\nJAVA_VERSION="25.0.3"\n';
    expect(versionInReleaseFile(text)).toBe('25.0.3');
    expect(versionInReleaseFile('IMPLEMENTOR="Somebody"\n')).toBeUndefined();
  });

  test('in what java -version prints', () => {
    expect(versionInOutput('openjdk version "21.0.4" 2024-07-16 LTS\nOpenJDK Runtime …')).toBe('21.0.4');
    expect(versionInOutput('java version "1.8.0_392"')).toBe('1.8.0_392');
    expect(versionInOutput('command not found')).toBeUndefined();
  });
});

describe('the choice', () => {
  const candidate = (home, version, isInstalled) => ({ home, version, isInstalled });

  test('the environment goes before newer installed ones', () => {
    const candidates = [candidate('/installed', '25.0.3', true), candidate('/given', '21.0.4', false)];
    expect(chooseJdk(candidates, 21)).toMatchObject({ home: '/given', major: 21 });
  });

  test('an old one of the environment is passed over, the newest installed one is taken', () => {
    const candidates = [
      candidate('/given', '17.0.12', false),
      candidate('/a', '21.0.4', true),
      candidate('/b', '25.0.3', true),
    ];
    expect(chooseJdk(candidates, 21)).toMatchObject({ home: '/b', major: 25 });
  });

  test('none is new enough or has a version', () => {
    expect(
      chooseJdk([candidate('/a', '17.0.12', true), candidate('/b', undefined, true)], 21),
    ).toBeUndefined();
  });
});

describe.skipIf(process.platform === 'win32')('the folders', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-jdk-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('JAVA_HOME first, then the path; folders without a java are left out', () => {
    for (const name of ['given', 'on-path']) {
      mkdirSync(join(folder, name, 'bin'), { recursive: true });
      writeFileSync(join(folder, name, 'bin', 'java'), '');
      chmodSync(join(folder, name, 'bin', 'java'), 0o755);
    }
    const env = {
      JAVA_HOME: join(folder, 'given'),
      PATH: [join(folder, 'empty'), join(folder, 'on-path', 'bin')].join(delimiter),
    };
    const preferred = jdkFolders(env).filter((candidate) => !candidate.isInstalled);
    expect(preferred.map((candidate) => candidate.home)).toEqual([
      join(folder, 'given'),
      join(folder, 'on-path'),
    ]);
  });
});

test('the place of the boot jar in a Maven repository', () => {
  expect(jarIn('repository', '3.32.1')).toBe(
    join(
      'repository',
      'org',
      'conductoross',
      'conductor-server',
      '3.32.1',
      'conductor-server-3.32.1-boot.jar',
    ),
  );
});
