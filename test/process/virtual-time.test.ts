import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { executions, folderOfEachTest, stateIn } from '../support/reliability.js';

const folder = folderOfEachTest();
const start = appProcesses();

test('a WAIT of 30 days and three retries an hour apart are over within a second, with real workers', async () => {
  const app = start('virtual-time', { env: stateIn(folder()) });
  const { code } = await app.ended();
  expect(code, app.report()).toBe(0);
  const rounds = [...app.stdout.matchAll(/^COMPLETED after 723 hours, 5 tasks, in (\d+) ms$/gm)];
  expect(rounds, app.report()).toHaveLength(3);
  // Other programs on this machine may hold one of them up.
  expect(Math.min(...rounds.map(([, ms]) => Number(ms))), app.report()).toBeLessThan(1_000);
  expect(app.stdout).toContain('the clock has gone on by 2169 hours');
  const counts = executions(join(folder(), 'executions'));
  expect(counts.size).toBe(12);
  expect([...counts.values()].every((count) => count === 1)).toBe(true);
});
