import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isOwnFolder,
  makePrivateFolder,
  NotPrivateError,
  openPrivateLog,
  readPrivateFile,
  readPrivateFileSync,
} from '../../../src/os/private-files.js';
import { asSecondUser, needsSecondUser } from '../../support/second-user.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32').each([
  ['readPrivateFile', readPrivateFile],
  ['readPrivateFileSync', async (file: string, max: number) => readPrivateFileSync(file, max)],
])('%s', (_name, read) => {
  it('reads a file of this user', async () => {
    writeFileSync(join(root, 'a'), 'text');
    expect((await read(join(root, 'a'), 4)).toString()).toBe('text');
  });

  it('refuses a FIFO without waiting for a writer', async () => {
    execFileSync('mkfifo', [join(root, 'a')]);
    await expect(read(join(root, 'a'), 100)).rejects.toThrow(new NotPrivateError('it is not a regular file'));
  });

  it('refuses a symbolic link, a folder, and a file that is too large', async () => {
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync(join(root, 'secret'), join(root, 'link'));
    await expect(read(join(root, 'link'), 100)).rejects.toThrow('it is not a regular file');
    await expect(read(root, 100)).rejects.toThrow('it is not a regular file');
    truncateSync(join(root, 'secret'), 2 ** 40);
    await expect(read(join(root, 'secret'), 100)).rejects.toThrow(`${2 ** 40} bytes are too many`);
    await expect(read(join(root, 'none'), 100)).rejects.toThrow('ENOENT');
  });

  it('refuses a file of another user', async (context) => {
    needsSecondUser(context);
    chmodSync(root, 0o1777);
    asSecondUser(`echo planted > ${join(root, 'a')}`);
    await expect(read(join(root, 'a'), 100)).rejects.toThrow('it belongs to user 65534');
  });
});

describe.skipIf(process.platform === 'win32')('openPrivateLog', () => {
  it('makes a file for its owner only, and appends to it', () => {
    for (const text of ['a', 'b']) {
      const descriptor = openPrivateLog(join(root, 'log'));
      writeSync(descriptor, text);
      closeSync(descriptor);
    }
    expect(readFileSync(join(root, 'log'), 'utf8')).toBe('ab');
    expect(statSync(join(root, 'log')).mode & 0o777).toBe(0o600);
  });

  it('follows no symbolic link', () => {
    writeFileSync(join(root, '.bashrc'), 'mine');
    symlinkSync(join(root, '.bashrc'), join(root, 'log'));
    expect(() => openPrivateLog(join(root, 'log'))).toThrow('it is not a regular file');
    expect(readFileSync(join(root, '.bashrc'), 'utf8')).toBe('mine');
  });
});

describe.skipIf(process.platform === 'win32')('makePrivateFolder', () => {
  it('makes what is missing, for its owner only', () => {
    makePrivateFolder(join(root, 'a', 'b'), root, false);
    for (const folder of [join(root, 'a'), join(root, 'a', 'b')])
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(isOwnFolder(join(root, 'a'))).toBe(true);
  });

  it('closes a folder of this user that others could read', () => {
    mkdirSync(join(root, 'a'), { mode: 0o755 });
    makePrivateFolder(join(root, 'a'), root, false);
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o700);
  });

  it('refuses a symbolic link, a file, and a folder to which others may write', () => {
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), join(root, 'link'));
    expect(() => makePrivateFolder(join(root, 'link', 'x'), root, false)).toThrow('link is not a folder');
    expect(existsSync(join(root, 'elsewhere', 'x'))).toBe(false);
    writeFileSync(join(root, 'file'), '');
    expect(() => makePrivateFolder(join(root, 'file'), root, false)).toThrow('file is not a folder');
    mkdirSync(join(root, 'open'));
    chmodSync(join(root, 'open'), 0o770);
    expect(() => makePrivateFolder(join(root, 'open'), root, false)).toThrow('other users may write to');
  });

  it('lets the group write where a person has chosen the folder, and refuses every user', () => {
    mkdirSync(join(root, 'open'));
    chmodSync(join(root, 'open'), 0o2770);
    makePrivateFolder(join(root, 'open'), root, true);
    chmodSync(join(root, 'open'), 0o777);
    expect(() => makePrivateFolder(join(root, 'open'), root, true)).toThrow('other users may write to');
  });

  it('refuses a folder that every user may rename, unless a person has chosen it', () => {
    mkdirSync(join(root, 'shared'));
    chmodSync(join(root, 'shared'), 0o777);
    const base = join(root, 'shared', 'base');
    expect(() => makePrivateFolder(join(base, 'a'), base, false)).toThrow(`every user may write to ${root}`);
    makePrivateFolder(join(base, 'a'), base, true);
    chmodSync(join(root, 'shared'), 0o1777);
    makePrivateFolder(join(base, 'a'), base, false);
  });

  it('refuses what another user has put there before', (context) => {
    needsSecondUser(context);
    chmodSync(root, 0o1777);
    asSecondUser(
      `mkdir -p ${join(root, 'tutti-0', 'app')} ${join(root, '.local')}; chmod 777 ${join(root, '.local')}`,
    );
    expect(() => makePrivateFolder(join(root, 'tutti-0', 'app'), root, false)).toThrow(
      'belongs to user 65534',
    );
    const base = join(root, '.local', 'state');
    expect(() => makePrivateFolder(join(base, 'tutti'), base, false)).toThrow('belongs to user 65534');
  });
});
