import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ConsoleLogger } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { readCode } from '../package/readme-example.js';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/reference/clients.md', ROOT), 'utf8');

test('the examples of the clients page are a program that runs', async () => {
  const folder = new URL('build/docs/', ROOT);
  mkdirSync(folder, { recursive: true });
  const file = fileURLToPath(new URL('clients-page.mjs', folder));
  writeFileSync(file, readCode(page, 'js'));
  const server = await embeddedServer().start(new ConsoleLogger('error'));
  try {
    const env = { PATH: process.env['PATH'], CONDUCTOR_SERVER_URL: server.url };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: 60_000 });
    expect(stdout).toMatch(/^true\nCOMPLETED$/m);
  } finally {
    await server.close();
  }
});
