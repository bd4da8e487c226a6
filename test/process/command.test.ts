import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function tutti(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [`${root}scripts/tutti.mjs`, ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test.each(['--version', '-v', 'version'])('tutti %s prints the version', async (flag) => {
  expect(await tutti(flag)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test.each([[], ['--help'], ['-h'], ['help']])('tutti %s lists the commands', async (...flags) => {
  const { code, stdout, stderr } = await tutti(...flags);
  expect([code, stderr]).toEqual([0, '']);
  for (const command of ['native build', 'outbox', '--help', '--version']) expect(stdout).toContain(command);
});

test.each([
  ['outbx', 'tutti outbox'],
  ['native biuld', 'tutti native build'],
  ['build', 'tutti native build'],
  ['--versoin', 'tutti --version'],
  ['hlep', 'tutti help'],
])('tutti %s is an error that suggests "%s"', async (typed, suggestion) => {
  const { code, stdout, stderr } = await tutti(...typed.split(' '));
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr.split('\n')[0]).toBe(`There is no command "tutti ${typed}". Did you mean "${suggestion}"?`);
  expect(stderr).toContain('Usage: tutti <command>');
});

test('an unknown command that resembles none gets the list', async () => {
  const { code, stderr } = await tutti('frobnicate', 'now');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^There is no command "tutti frobnicate now"\.\n\nUsage: tutti <command>/);
});

test('tutti native prints how to build', async () => {
  const { code, stdout } = await tutti('native');
  expect(code).toBe(0);
  expect(stdout).toContain('--sanitize');
});

test('an unknown command of the outbox is an error that suggests the nearest', async () => {
  const { code, stdout } = await tutti('outbox', 'lst');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^There is no command "tutti outbox lst"\. Did you mean "tutti outbox list"\?\n/);
});
