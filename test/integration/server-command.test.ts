import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { serverCommand } from '../../src/cli/server-command.js';
import { until } from '../support/until.js';

const TASK = { name: 'n', taskReferenceName: 'n', type: 'NOOP' };
const KEY = 'a-key-that-nobody-guesses';
const stops: (() => void)[] = [];

interface Run {
  readonly printed: string[];
  readonly errors: string[];
  readonly code: Promise<number>;
  readonly stop: () => void;
}

function run(args: readonly string[], env: Record<string, string> = {}): Run {
  const printed: string[] = [];
  const errors: string[] = [];
  let stop!: () => void;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  stops.push(stop);
  const code = serverCommand(args, {
    env,
    print: (text) => printed.push(text),
    printError: (text) => errors.push(text),
    stopped: () => stopped,
  });
  return { printed, errors, code, stop };
}

/** @returns the address that it has printed */
async function address({ printed, errors }: Run): Promise<string> {
  return await until(
    () => printed[0],
    () => `an address; errors: ${errors.join('\n')}`,
  );
}

function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  return fetch(`${url}/version`, { headers }).then(({ status }) => status);
}

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

test('prints its address, answers there, and ends with 0 when it is stopped', async () => {
  const command = run(['--port', '0']);
  const url = await address(command);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/api$/);
  expect(await statusOf(url)).toBe(200);
  command.stop();
  expect(await command.code).toBe(0);
  expect(command.printed).toEqual([
    url,
    `Conductor server for development and tests, everything in memory. Clients need: CONDUCTOR_SERVER_URL=${url}`,
    'stopped',
  ]);
  expect(command.errors).toEqual([]);
  await expect(statusOf(url)).rejects.toThrow('fetch failed');
});

test('--quiet prints the address only', async () => {
  const command = run(['--port=0', '--quiet']);
  const url = await address(command);
  command.stop();
  expect(await command.code).toBe(0);
  expect(command.printed).toEqual([url]);
});

test('--file keeps everything for the next start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  const args = ['--port', '0', '--file', join(folder, 'conductor.db')];
  const first = run(args);
  const defined = await fetch(`${await address(first)}/metadata/taskdefs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ name: 'kept' }]),
  });
  expect(defined.status).toBe(200);
  first.stop();
  expect(await first.code).toBe(0);
  expect(first.printed[1]).toContain(`everything in ${join(folder, 'conductor.db')}.`);
  const second = run(args);
  expect((await fetch(`${await address(second)}/metadata/taskdefs/kept`)).status).toBe(200);
  second.stop();
  expect(await second.code).toBe(0);
  rmSync(folder, { recursive: true });
});

test('--max-body-bytes and --max-payload-bytes set its limits', async () => {
  const payloads = ['--max-payload-bytes', 'workflow-input=100', '--max-payload-bytes=task-input=200'];
  const command = run(['--port', '0', '--max-body-bytes', '2000', ...payloads]);
  const url = await address(command);
  const start = (input: object): Promise<Response> =>
    fetch(`${url}/workflow`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'w', input, workflowDef: { name: 'w', tasks: [TASK] } }),
    });
  expect((await start({ v: 'x'.repeat(50) })).status).toBe(200);
  const large = await start({ v: 'x'.repeat(100) });
  expect(large.status).toBe(413);
  expect(await large.text()).toContain('is greater than the permissible limit: 100 bytes');
  expect(await (await start({ v: 'x'.repeat(2_000) })).text()).toContain('larger than the 2000 bytes');
  command.stop();
  expect(await command.code).toBe(0);
});

test.each([
  ['--max-body-bytes=many', '--max-body-bytes: expected a number of bytes, got "many"'],
  ['--max-body-bytes=7', '`maxBodyBytes`'],
  ['--max-payload-bytes=task-output', '--max-payload-bytes task-output: expected a number of bytes, got ""'],
  [
    '--max-payload-bytes=output=7',
    'WHAT is one of workflow-input, workflow-output, task-input, task-output, ',
  ],
])('%s is refused', async (option, reason) => {
  const command = run(['--port', '0', option]);
  expect(await command.code).toBe(1);
  expect(command.errors[0]).toContain(reason);
});

test('--file that cannot be used is an error that names it', async () => {
  const command = run(['--port', '0', '--file', '/no/such/folder/conductor.db']);
  expect(await command.code).toBe(78);
  expect(command.errors[0]).toContain('/no/such/folder/conductor.db');
});

test('--help prints the options', async () => {
  const command = run(['--help']);
  expect(await command.code).toBe(0);
  for (const option of ['--port', '--host', '--key', '--quiet', '--allowed-host', '--http-target'])
    expect(command.printed[0]).toContain(option);
});

describe('beyond this machine', () => {
  test.each([['0.0.0.0'], ['192.168.1.2'], ['::'], ['example.com']])(
    '--host %s asks for a key',
    async (host) => {
      const command = run(['--port', '0', '--host', host]);
      expect(await command.code).toBe(1);
      expect(command.errors[0]).toMatch(
        new RegExp(`^--host ${host}: other machines could reach this server`),
      );
      expect(command.errors[0]).toContain('TUTTI_SERVER_KEY');
    },
  );

  test.each<[string, string[], Record<string, string>]>([
    ['--key', ['--key', KEY], {}],
    ['TUTTI_SERVER_KEY', [], { TUTTI_SERVER_KEY: KEY }],
  ])('with %s everybody needs that key', async (_from, args, env) => {
    const command = run(['--port', '0', '--host', '0.0.0.0', ...args], env);
    const url = (await address(command)).replace('0.0.0.0', '127.0.0.1');
    expect(await statusOf(url)).toBe(401);
    expect(await statusOf(url, { 'x-authorization': `${KEY}x` })).toBe(401);
    expect(await statusOf(url, { 'x-authorization': KEY })).toBe(200);
    expect(await statusOf(url, { authorization: `Bearer ${KEY}` })).toBe(200);
    command.stop();
    expect(await command.code).toBe(0);
    expect(command.printed.join('\n')).not.toContain(KEY);
  });

  test('a short key is refused, and not shown', async () => {
    const command = run(['--port', '0', '--key', 'secret']);
    expect(await command.code).toBe(1);
    expect(command.errors[0]).toMatch(/^--key: expected at least 16 characters, got 6\n/);
  });

  test.each(['127.0.0.1', 'localhost', '127.0.0.2'])('%s is this machine', async (host) => {
    const command = run(['--port', '0', '--host', host]);
    await address(command);
    command.stop();
    expect(await command.code).toBe(0);
  });
});

test('--allowed-host lets a further name in', async () => {
  const command = run(['--port', '0', '--allowed-host', 'conductor', '--allowed-host', 'other']);
  const { port } = new URL(await address(command));
  const statusFor = async (host: string): Promise<number> => {
    const { request } = await import('node:http');
    const sent = request({ port, host: '127.0.0.1', path: '/api/version', headers: { host } }).end();
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    response.resume();
    return response.statusCode!;
  };
  expect(await statusFor('conductor')).toBe(200);
  expect(await statusFor('other')).toBe(200);
  expect(await statusFor('third')).toBe(421);
  command.stop();
  await command.code;
});

test('a port that is taken is an error that names it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const command = run(['--port', String(port)]);
  expect(await command.code).toBe(78);
  expect(command.errors[0]).toContain(`cannot listen on 127.0.0.1:${port}`);
  taken.close();
});

test.each<[string[], string]>([
  [['--prot', '1'], 'there is no option --prot, did you mean --port?'],
  [['--port', 'http'], '--port: expected a number from 0 to 65535, got "http"'],
  [['--port', '70000'], '--port: expected a number from 0 to 65535, got "70000"'],
  [['--port'], "Option '--port <value>' argument missing"],
  [['start'], 'unexpected argument "start"'],
  [['--allowed-host', 'http://x'], 'expected `allowedHosts` to be an array of host names'],
])('tutti server %j is an error', async (args, message) => {
  const command = run(args);
  expect(await command.code).toBe(1);
  expect(command.errors[0]).toContain(message);
  expect(command.errors[0]).toContain('Usage: tutti server');
});
