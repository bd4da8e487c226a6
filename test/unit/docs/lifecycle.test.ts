import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Transitions } from '../../../src/core/state-machine.js';
import { EXIT_CODES } from '../../../src/protocol/exit-codes.js';
import {
  ORCHESTRATOR_TRANSITIONS,
  REPLICA_TRANSITIONS,
  WORKER_PROCESS_TRANSITIONS,
} from '../../../src/protocol/states.js';

const page = readFileSync(new URL('../../../docs/reference/lifecycle.md', import.meta.url), 'utf8');

/** The body rows of the first table below a heading, cell by cell. */
function tableBelow(heading: string): string[][] {
  const [, text = ''] = page.split(`\n## ${heading}\n`);
  const rows = (text.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codes = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`(\w+)`/g)].map((match) => match[1]!);

describe('docs/reference/lifecycle.md', () => {
  test.each([
    ['Orchestrator', ORCHESTRATOR_TRANSITIONS],
    ['Replica', REPLICA_TRANSITIONS],
    ['Worker process', WORKER_PROCESS_TRANSITIONS],
  ] as [string, Transitions<string>][])('has the moves of %s', (heading, transitions) => {
    const documented = tableBelow(heading).map(([state, , next]) => [codes(state)[0], codes(next).sort()]);
    const inCode = Object.entries(transitions).map(([state, next]) => [state, [...next].sort()]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(inCode));
  });

  test('has the exit codes', () => {
    const documented = tableBelow('Exit codes').map(([code, name]) => [codes(name)[0], Number(code)]);
    expect(Object.fromEntries(documented)).toEqual(EXIT_CODES);
  });
});
