import { describe, expect, test } from 'vitest';
import { mainFile } from '../../../src/os/main-file.js';

const CONTAINER = '/usr/lib/node_modules/pm2/lib/ProcessContainerFork.js';

describe('the main file', () => {
  test.each<[string, string | undefined, Record<string, string>, string | undefined]>([
    ['the file that was started', '/app/main.js', {}, '/app/main.js'],
    ['none in a REPL', undefined, {}, undefined],
    ['the program that PM2 imports', CONTAINER, { pm_exec_path: '/app/main.js' }, '/app/main.js'],
    [
      'the program that PM2 imports, on Windows',
      String.raw`C:\pm2\node_modules\pm2\lib\ProcessContainerFork.js`,
      { pm_exec_path: String.raw`C:\app\main.js` },
      String.raw`C:\app\main.js`,
    ],
    [
      'a program that one under PM2 has started',
      '/app/tool.js',
      { pm_exec_path: '/app/main.js' },
      '/app/tool.js',
    ],
    ["PM2's file, started by hand", CONTAINER, {}, CONTAINER],
  ])('is %s', (_case, argv1, env, expected) => {
    expect(mainFile({ argv: argv1 === undefined ? ['node'] : ['node', argv1], env })).toBe(expected);
  });

  test('is asked of this process by default', () => {
    expect(mainFile()).toBe(process.argv[1]);
  });
});
