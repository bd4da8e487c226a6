import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { commandOf, hasVariable, killHard, processTable } from '../support/processes.js';
import { TaskServer } from '../support/task-server.js';
import { until } from '../support/until.js';
import { install, makeProject, projectFolder, run, tryToRun, userEnvironment } from './user-project.js';

const MARKER = 'TOOLCHAIN_TEST_ID';
/** Longer than PM2 waits without `kill_timeout`: 1.6 s. */
const LONG_TASK_MS = 3_000;

const WORKER = `
import { functionWorker } from 'tutti';
import { setTimeout as sleep } from 'node:timers/promises';

export const napWorker = functionWorker(
  'nap',
  async (task) => {
    console.log('begun ' + task.taskId);
    await sleep(task.inputData.ms ?? 0);
    return { main: process.ppid };
  },
  { name: 'napper' },
);
`;
const MAIN = `
import { bootstrap } from 'tutti';
import { napWorker } from './nap.worker.js';

const orchestrator = await bootstrap({ workers: [napWorker], stopGrace: 20_000 });
console.log('ready ' + process.pid);
await orchestrator.join();
`;
const DISCOVERING_MAIN = `
import { bootstrap } from 'tutti';

const orchestrator = await bootstrap({ discover: '*.worker.js', stopGrace: 20_000 });
process.send?.('ready');
await orchestrator.join();
`;
const MANIFEST = JSON.stringify({ private: true, type: 'module' });

const folder = projectFolder();
let tools = '';
let server: TaskServer;
/** Of the running test; whatever a manager starts inherits it. */
let id = '';

beforeAll(async () => {
  tools = await install(join(folder(), 'managers'), [
    'inversify@8',
    'reflect-metadata@0.2',
    'pm2@7',
    'nodemon@3',
    'tsx@4',
  ]);
}, 300_000);

beforeEach(async () => {
  id = randomUUID();
  server = await TaskServer.start();
  await server.define('nap');
});

afterEach(async () => {
  const left = ours();
  const commands = left.map(commandOf);
  left.forEach(killHard);
  await server.close();
  if (commands.length > 0) throw new Error(`left behind: ${commands.join('; ')}`);
});

/** Everything that the test has started and that is alive. */
function ours(): number[] {
  return processTable()
    .map(({ pid }) => pid)
    .filter((pid) => hasVariable(pid, MARKER, id));
}

function environment(cwd: string): NodeJS.ProcessEnv {
  return {
    ...userEnvironment(cwd),
    [MARKER]: id,
    CONDUCTOR_SERVER_URL: server.url,
    // Watchers would restart the program for each file in its own folder.
    TUTTI_STATE_DIR: join(folder(), `state-${id}`),
  };
}

describe('a watcher restarts the program', () => {
  /** A watcher in a terminal: its output, and the main processes that it has started. */
  class Watcher {
    readonly #process: ChildProcess;
    #output = '';

    constructor(cwd: string, command: string) {
      this.#process = spawn(command, {
        cwd,
        shell: true,
        env: environment(cwd),
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      });
      for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
        stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
      }
    }

    /** Ids of the main processes that got ready, the oldest first. */
    get mains(): number[] {
      return [...this.#output.matchAll(/^ready (\d+)$/gm)].map(([, pid]) => Number(pid));
    }

    async until(condition: () => boolean, what: string): Promise<void> {
      await until(condition, () => `${what}\n${this.#output}`);
    }

    async began(taskId: string): Promise<void> {
      await this.until(() => this.#output.includes(`begun ${taskId}`), 'the task to begin');
    }

    /** Ctrl-C. */
    interrupt(): void {
      process.kill(-this.#process.pid!, 'SIGINT');
    }
  }

  test.each(['nodemon main.js', 'tsx watch main.js', 'node --watch main.js'])(
    '%s: without losing the task that runs, and without leaving anything behind',
    async (command) => {
      const project = makeProject(
        join(folder(), command.replaceAll(/\W+/g, '-')),
        { 'package.json': MANIFEST, 'main.js': MAIN, 'nap.worker.js': WORKER },
        tools,
      );
      const watcher = new Watcher(project, command);
      await watcher.until(() => watcher.mains.length === 1, 'the program to get ready');
      const taskId = await server.run('nap', { ms: LONG_TASK_MS });
      await watcher.began(taskId);
      const before = ours();

      const now = new Date();
      utimesSync(join(project, 'nap.worker.js'), now, now);
      writeFileSync(join(project, 'nap.worker.js'), `${WORKER}// changed\n`);
      await watcher.until(() => watcher.mains.length === 2, 'the program to get ready again');
      const [first, second] = watcher.mains as [number, number];
      const task = await server.has(taskId, 'COMPLETED');
      expect(task.outputData).toEqual({ main: first });

      // The old main process and its worker are gone, and the new ones work.
      expect(before).toContain(first);
      await watcher.until(() => !ours().includes(first), 'the old program to be gone');
      const next = await server.run('nap', {});
      expect((await server.has(next, 'COMPLETED')).outputData).toEqual({ main: second });

      watcher.interrupt();
      await watcher.until(() => ours().length === 0, 'everything to be gone');
    },
  );
});

describe('PM2', () => {
  let home = '';
  const pm2 = async (cwd: string, command: string): Promise<string> =>
    (await run(cwd, `pm2 ${command}`, { ...environment(cwd), PM2_HOME: home })).output;

  interface Listed {
    readonly name: string;
    readonly pid: number;
    readonly pm2_env: { readonly status: string; readonly restart_time: number };
  }
  const list = async (cwd: string): Promise<Listed[]> => {
    const output = await pm2(cwd, 'jlist');
    return JSON.parse(output.slice(output.indexOf('[{'), output.lastIndexOf(']') + 1)) as Listed[];
  };
  const logs = (): string =>
    readdirSync(join(home, 'logs'))
      .map((file) => readFileSync(join(home, 'logs', file), 'utf8'))
      .join('\n');

  beforeEach(() => {
    home = join(folder(), `pm2-${id.slice(0, 8)}`);
    mkdirSync(home);
  });
  afterEach(async () => {
    // Its daemon is the test's own: it has a folder of its own.
    await tryToRun(folder(), `${join(tools, 'node_modules/.bin/pm2')} kill`, {
      ...environment(folder()),
      PM2_HOME: home,
    });
    await until(
      () => ours().length === 0,
      () => `everything to be gone: ${ours().map(commandOf).join('; ')}`,
    );
  });

  /** @param options - of each application, as the guide has them */
  const ecosystem = (names: readonly string[], options: object): string =>
    `module.exports = ${JSON.stringify({
      apps: names.map((name) => ({ name, script: `${name}/main.js`, ...options })),
    })};`;

  test('in fork mode finds the workers, waits for running tasks, and keeps two programs apart', async () => {
    const options = {
      exec_mode: 'fork',
      kill_timeout: 30_000,
      stop_exit_codes: [78],
      wait_ready: true,
      listen_timeout: 90_000,
    };
    const files = { 'main.js': DISCOVERING_MAIN, 'nap.worker.js': WORKER, 'package.json': MANIFEST };
    const project = makeProject(
      join(folder(), 'pm2-fork'),
      {
        ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`one/${name}`, text])),
        ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`two/${name}`, text])),
        'ecosystem.config.cjs': ecosystem(['one', 'two'], options),
      },
      tools,
    );
    await pm2(project, 'start ecosystem.config.cjs');
    const started = await list(project);
    expect(started.map(({ pm2_env }) => pm2_env.status)).toEqual(['online', 'online']);
    expect(logs()).toMatch(/INFO +main\.js /);
    expect(logs()).not.toContain('ProcessContainerFork');
    // One for each main file, though both have the same name and the same server.
    const states = readdirSync(join(folder(), `state-${id}`)).filter((name) => name.startsWith('main-'));
    expect(states).toHaveLength(2);

    await pm2(project, 'stop two');
    const [one] = started as [Listed];
    const taskId = await server.run('nap', { ms: LONG_TASK_MS });
    await until(() => logs().includes(`begun ${taskId}`), 'the task to begin');
    await pm2(project, 'restart one');
    expect((await server.has(taskId, 'COMPLETED')).outputData).toEqual({ main: one.pid });
    const [again] = (await list(project)) as [Listed];
    expect(again.pid).not.toBe(one.pid);
    const next = await server.run('nap', {});
    expect((await server.has(next, 'COMPLETED')).outputData).toEqual({ main: again.pid });
  });

  test('in cluster mode has the reason in its log, once', async () => {
    const options = { exec_mode: 'cluster', instances: 1 };
    const project = makeProject(
      join(folder(), 'pm2-cluster'),
      {
        'app/main.js': DISCOVERING_MAIN,
        'app/nap.worker.js': WORKER,
        'app/package.json': MANIFEST,
        'ecosystem.config.cjs': ecosystem(['app'], options),
      },
      tools,
    );
    await pm2(project, 'start ecosystem.config.cjs');
    await until(
      () => logs().includes('cannot fork worker processes'),
      () => `the reason to be logged:\n${logs()}`,
    );
    expect(logs()).toContain("start the program in fork mode (PM2: `exec_mode: 'fork'`");
    // PM2 catches the rejection and shows the program as online.
    expect((await list(project))[0]?.pm2_env.restart_time).toBe(0);
  });

  test('does not start a program with a wrong configuration again', async () => {
    const project = makeProject(
      join(folder(), 'pm2-wrong'),
      {
        'app/main.js': DISCOVERING_MAIN.replace('*.worker.js', 'nowhere/*.js'),
        'app/package.json': MANIFEST,
        'ecosystem.config.cjs': ecosystem(['app'], { exec_mode: 'fork', stop_exit_codes: [78] }),
      },
      tools,
    );
    await pm2(project, 'start ecosystem.config.cjs');
    await until(
      async () => (await list(project))[0]?.pm2_env.status === 'stopped',
      () => `the program to be stopped\n${logs()}`,
    );
    expect(logs()).toContain('no file matches');
    expect((await list(project))[0]?.pm2_env.restart_time).toBe(0);
  });
});
