import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MistakenPrograms, type Outcome } from '../support/mistakes.js';
import { TaskServer } from '../support/task-server.js';
import { ELSEWHERE, MISTAKES } from './mistakes/table.js';

/** Programs at a time: most of their time they wait for each other's processes. */
const AT_A_TIME = 4;
/** Lines of an error on a screen. */
const MOST_LINES = 40;
/** All of them: far above what they take on a busy machine. */
const ALL_MS = 400_000;

let server: TaskServer;
let programs: MistakenPrograms;
const outcomes = new Map<string, Outcome>();

beforeAll(async () => {
  server = await TaskServer.start();
  for (const type of ['greet', 'wave']) await server.define(type);
  programs = new MistakenPrograms(MISTAKES);
  const waiting = [...MISTAKES];
  const runNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      outcomes.set(next.title, await programs.run(next, server.url));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, runNext));
}, ALL_MS);

afterAll(async () => {
  programs.remove();
  await server.close();
});

test.each(MISTAKES)('$title', ({ title, exitCode, lines }) => {
  const outcome = outcomes.get(title)!;
  expect(outcome.lines.join('\n')).toContain(lines.join('\n'));
  if (exitCode === undefined) return;
  expect(outcome.exit).toEqual({ code: exitCode, signal: null });
  // Nothing is said twice.
  for (const line of lines.filter((one) => one.length > 40)) {
    expect(outcome.lines.filter((one) => one === line)).toHaveLength(1);
  }
  expect(outcome.lines.length).toBeLessThan(MOST_LINES);
});

test.each(ELSEWHERE)('$mistake', ({ file, test: title }) => {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  expect(source).toContain(`'${title}'`);
});

test('every code that a mistake gets is in the reference of errors', () => {
  const reference = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
  const codes = MISTAKES.flatMap(({ lines }) => /Error \[([A-Z_]+)\]/.exec(lines[0]!)?.[1] ?? []);
  expect(new Set(codes).size).toBeGreaterThan(5);
  for (const code of new Set(codes)) expect(reference).toContain(`| \`${code}\` |`);
});
