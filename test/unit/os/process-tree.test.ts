import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { descendantsOf, killTree } from '../../../src/os/process-tree.js';
import { until } from '../../support/until.js';

const started: ChildProcess[] = [];
const grandchildren: number[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of grandchildren.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

/** A process with a child of its own, whose id it prints; its name has spaces and parentheses. */
async function family(): Promise<{ parent: number; child: number; end: Promise<unknown> }> {
  const source = `
    process.title = 'a) b (c';
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(parent);
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
  const child = Number(chunk.toString());
  grandchildren.push(child);
  return { parent: parent.pid!, child, end: once(parent, 'exit') };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(process.platform === 'win32')('process tree', () => {
  it('finds children and their children, not the process itself', async () => {
    const { parent, child } = await family();
    expect(descendantsOf(parent)).toEqual([child]);
    expect(descendantsOf(process.pid)).toEqual(expect.arrayContaining([parent, child]));
    expect(descendantsOf(process.pid)).not.toContain(process.pid);
  });

  it('kills all of them', async () => {
    const { parent, child, end } = await family();
    killTree(parent);
    await end;
    await until(() => !isAlive(child), 'the end of the grandchild');
    expect(isAlive(parent)).toBe(false);
  });

  it('a process that is gone is no error', async () => {
    const { parent, end } = await family();
    killTree(parent);
    await end;
    expect(descendantsOf(parent)).toEqual([]);
    expect(() => killTree(parent)).not.toThrow();
  });
});
