import { expect, test } from 'vitest';
import { processTitle } from '../../../src/app/worker-process.js';

test.each<[replica: string, main: string | undefined, title: string]>([
  ['greet:GreetWorker#2', '/app/dist/main.js', 'tutti: greet:GreetWorker#2 of main.js'],
  ['mail', undefined, 'tutti: mail of a program'],
  ['a)\n(b\u001b[2J"ü', '/app/x y.js', 'tutti: a___b__2J__ of x y.js'],
])('the title of a process of %j holds plain characters only', (replica, main, title) => {
  expect(processTitle(replica, main)).toBe(title);
});
