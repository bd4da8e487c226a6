import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HealthServer, type HealthOptions } from '../../src/orchestrator/control/health-server.js';
import { chosenFolder, RunDirectory } from '../../src/orchestrator/custody/run-directory.js';
import { rawRequest } from '../support/raw-http.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { needsSecondUser, SECOND_USER } from '../support/second-user.js';

const TOKEN = 'a-token-of-a-test';
const STATUS = {
  state: 'running' as const,
  pid: 1,
  serverUrl: '',
  healthUrl: undefined,
  startedAt: 1,
  loopDelayMs: 0,
  replicas: [],
  custody: undefined,
};

async function open(options: Partial<HealthOptions> = {}) {
  const logger = new RecordingLogger();
  const paused: (string | undefined)[] = [];
  const server = new HealthServer(
    { port: 0, host: '127.0.0.1', allowedHosts: [], commands: true, token: TOKEN, ...options },
    { status: () => STATUS },
    { pause: ({ worker }) => void paused.push(worker) },
    logger,
  );
  await server.start();
  onTestFinished(() => server.close());
  const port = Number(new URL(server.url!).port);
  return { server, port, logger, paused };
}

function pause(
  port: number,
  headers: readonly string[],
  body = '{}',
): Promise<{ status: number; body: string }> {
  const lines = ['POST /commands/pause HTTP/1.1', 'content-type: application/json', ...headers];
  return rawRequest(port, lines, body);
}

async function temporaryFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-health-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Others may look into it, so that only the rights of what is inside keep them out.
  chmodSync(folder, 0o755);
  return folder;
}

describe('a page in a browser', () => {
  it.each([
    ['whose name resolves to this machine', ['host: evil.example:8081'], 421],
    ['of another site', ['host: 127.0.0.1', 'origin: http://evil.example'], 403],
    ['of another site, without an origin', ['host: 127.0.0.1', 'sec-fetch-site: cross-site'], 403],
  ])('%s commands nothing and sees nothing, even with the token', async (_, headers, status) => {
    const { port, paused } = await open();
    expect((await pause(port, [...headers, `authorization: Bearer ${TOKEN}`])).status).toBe(status);
    expect(paused).toEqual([]);
    for (const path of ['/status', '/livez'])
      expect((await rawRequest(port, [`GET ${path} HTTP/1.1`, ...headers])).status).toBe(status);
  });

  it('a probe by address, by localhost and by an allowed name is answered', async () => {
    const { port } = await open({ allowedHosts: ['workers.example'] });
    for (const host of [`10.0.0.7:${port}`, 'localhost', 'workers.example'])
      expect((await rawRequest(port, ['GET /livez HTTP/1.1', `host: ${host}`])).status).toBe(200);
    expect((await rawRequest(port, ['GET /livez HTTP/1.0'])).status).toBe(200);
  });
});

describe('commands', () => {
  const host = 'host: localhost';

  it.each([
    ['no token', []],
    ['another token', ['authorization: Bearer another-token-of-a-test']],
    ['half of the token', [`authorization: Bearer ${TOKEN.slice(0, 8)}`]],
    ['another scheme', [`authorization: Basic ${TOKEN}`]],
    ['an empty token', ['authorization: Bearer ']],
  ])('are refused with %s', async (_, headers) => {
    const { port, paused } = await open();
    const answer = await pause(port, [host, ...headers]);
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('authorization: Bearer <token>');
    expect(answer.body).not.toContain(TOKEN);
    expect(paused).toEqual([]);
  });

  it('are obeyed with the token', async () => {
    const { port, paused } = await open();
    expect((await pause(port, [host, `authorization: Bearer ${TOKEN}`], '{"worker":"a"}')).status).toBe(200);
    expect(paused).toEqual(['a']);
  });

  it.each([
    ['x'.repeat(20_000), 413],
    ['[]', 400],
    ['{"worker":["a"]}', 400],
    ['['.repeat(8_000), 400],
    ['{"worker":', 400],
  ])('with a body such as %.12s are refused', async (body, status) => {
    const { port, paused } = await open();
    expect((await pause(port, [host, `authorization: Bearer ${TOKEN}`], body)).status).toBe(status);
    expect(paused).toEqual([]);
  });

  it('are refused where no token can be kept', async () => {
    const { server, port, logger } = await open({ token: undefined });
    expect((await pause(port, [host, 'authorization: Bearer undefined'])).status).toBe(401);
    await server.makeToken(undefined);
    expect(logger.at('warn').join()).toContain('commands are refused: their token cannot be written');
    expect((await pause(port, [host, 'authorization: Bearer undefined'])).status).toBe(401);
  });

  it('obey the user of the program, who can read the token, and no other user', async (context) => {
    const { server, port, paused } = await open({ token: undefined });
    const folder = await temporaryFolder();
    const directory = await RunDirectory.open([chosenFolder(folder)], new RecordingLogger());
    await server.makeToken(directory);
    const file = join(directory!.folder, 'command-token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = readFileSync(file, 'utf8').trim();
    expect(token).toMatch(/^[\w-]{43}$/);

    needsSecondUser(context);
    const asOther = { uid: SECOND_USER, gid: SECOND_USER, cwd: '/', env: { PATH: process.env['PATH'] } };
    const attack = `
      const { readFileSync } = require('node:fs');
      let code;
      try { readFileSync(${JSON.stringify(file)}); code = 'read'; } catch (error) { code = error.code; }
      fetch('http://127.0.0.1:${port}/commands/pause', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}',
      }).then((answer) => console.log(process.getuid(), code, answer.status));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', attack], asOther);
    expect(stdout.trim()).toBe(`${SECOND_USER} EACCES 401`);
    expect(paused).toEqual([]);

    expect((await pause(port, [host, `authorization: Bearer ${token}`])).status).toBe(200);
    expect(paused).toEqual([undefined]);
    await directory!.close(true);
    expect(() => statSync(file)).toThrow('ENOENT');
  });
});
