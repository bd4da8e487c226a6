import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { guardChannel } from '../../src/orchestrator/processes/channel-guard.js';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that runs this code, whose channel is watched: what came, and why nothing more comes. */
function run(code: string, maxBytes?: number) {
  const child = spawn(process.execPath, ['-e', `const { writeSync } = require('node:fs'); ${code}`], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  const messages: unknown[] = [];
  const problems: string[] = [];
  child.on('message', (message) => messages.push(message));
  const isGuarded = guardChannel(child, (problem) => problems.push(problem), maxBytes);
  return { child, messages, problems, isGuarded };
}

test('this version of Node.js keeps the pipe of a channel where it is looked for', () => {
  expect(run('').isGuarded).toBe(true);
});

test('messages of any length below the limit arrive as they are, however they are cut up', async () => {
  const { child, messages, problems } = run(
    `for (let n = 0; n < 60; n++) process.send('ä'.repeat((n * 7919) % 200000));`,
    2 ** 20,
  );
  await once(child, 'close');
  expect(problems).toEqual([]);
  expect(messages).toEqual(Array.from({ length: 60 }, (_, n) => 'ä'.repeat((n * 7919) % 200_000)));
});

test.each([
  [
    'a message above the limit',
    `process.send('x'.repeat(3e6), () => process.disconnect());`,
    /more than 1 MB/,
  ],
  [
    'bytes without a line break',
    `for (let left = 40; left > 0;) try { writeSync(3, 'x'.repeat(60000)); left--; } catch {} process.disconnect();`,
    /more than 1 MB/,
  ],
  ['bytes that are not JSON', `writeSync(3, 'no json\\n'); process.disconnect();`, /not JSON/],
])(
  '%s: nothing more is read, which is reported once, and the end is noticed',
  async (_what, code, problem) => {
    const { child, messages, problems } = run(`process.send('first', () => { ${code} });`, 2 ** 20);
    await once(child, 'close');
    expect(child.connected).toBe(false);
    expect(messages).toEqual(['first']);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  },
);

test('what comes after something unreadable is dropped', async () => {
  const { child, messages, problems } = run(
    `writeSync(3, 'no json\\n{"a":1}\\n'); process.send({ a: 2 }, () => process.disconnect());`,
  );
  await once(child, 'close');
  expect([messages, problems.length]).toEqual([[], 1]);
});
