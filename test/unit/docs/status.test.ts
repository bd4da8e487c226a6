import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { newEndCounts } from '../../../src/orchestrator/ledger/tally.js';

const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
const page = read('docs/reference/status.md');

/** What the first cells of the table below a heading, or below a paragraph that begins so, name as code. */
function named(above: string): string[] {
  const text = page.slice(page.indexOf(`\n${above}`));
  const rows = /\n\|[^]*?\n(?!\|)/.exec(text)?.[0].trim().split('\n').slice(2) ?? [];
  return rows
    .flatMap((row) => [...row.split('|')[1]!.matchAll(/`([\w-]+)`/g)].map((match) => match[1]!))
    .sort();
}

/** The fields of an interface, one level deep. */
function fieldsOf(file: string, name: string): string[] {
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(read(file))?.[1] ?? '';
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map((match) => match[1]!).sort();
}

describe('docs/reference/status.md', () => {
  test.each([
    ['OrchestratorStatus', 'status/status'],
    ['ReplicaStatusView', 'status/status'],
    ['WorkerStatusView', 'status/status'],
    ['ProcessStatusView', 'status/status'],
    ['TaskStatusView', 'status/status'],
    ['CustodyStatus', 'custody/task-custodian'],
  ])('has the fields of %s', (name, file) => {
    const inCode = fieldsOf(`src/orchestrator/${file}.ts`, name);
    expect(inCode.length).toBeGreaterThan(4);
    expect(named(`## \`${name}\``)).toEqual(inCode);
  });

  test('has the events', () => {
    const inCode = fieldsOf('src/orchestrator/orchestrator-options.ts', 'OrchestratorEvents');
    expect(named('## Events')).toEqual(inCode);
  });

  test('has the ends of tasks', () => {
    expect(named('`counts` has')).toEqual(Object.keys(newEndCounts()).sort());
  });

  test('has the causes of restarts', () => {
    const type = /type RestartCause =([^;]*);/.exec(read('src/protocol/states.ts'))?.[1] ?? '';
    const inCode = [...type.matchAll(/\| '([\w-]+)'/g)].map((match) => match[1]!).sort();
    expect(named('`restartsBy` has')).toEqual(inCode);
  });
});
