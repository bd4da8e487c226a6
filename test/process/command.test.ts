import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
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
  for (const command of ['native build', 'outbox', 'server', '--help', '--version'])
    expect(stdout).toContain(command);
});

test.each([
  ['outbx', 'tutti outbox'],
  ['sever', 'tutti server'],
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

test.each(['SIGINT', 'SIGTERM'] as const)(
  'tutti server prints its address, and ends with 0 at %s although a poll waits',
  async (signal) => {
    const server = spawn(process.execPath, [`${root}scripts/tutti.mjs`, 'server', '--port', '0', '--quiet']);
    const [chunk] = (await once(server.stdout, 'data')) as [Buffer];
    const url = chunk.toString().trim();
    expect((await fetch(`${url}/version`)).status).toBe(200);
    const poll = fetch(`${url}/tasks/poll/batch/some?count=1&timeout=5000`);
    for (let i = 0; i < 3; i++) await fetch(`${url}/version`);
    server.kill(signal);
    expect(await once(server, 'exit')).toEqual([0, null]);
    expect(await (await poll).json()).toEqual([]);
  },
);
