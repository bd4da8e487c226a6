import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  answersOf,
  listCases,
  PAGE,
  readDifferences,
  readPage,
  renderPage,
} from '../../../scripts/conformance-page.mjs';

const CASES = [
  { file: 'b.test.ts', title: 'pause > holds back | what <follows> by `name`, a_b_c and __d' },
  { file: 'a.test.ts', title: 'POST {"a":[1,"*x*"],"b":"${t.output}"} is answered 400' },
  { file: 'a.test.ts', title: 'search > finds it' },
];

const report = (...statuses) => ({
  testResults: ['b.test.ts', 'a.test.ts'].map((file) => ({
    name: `/somewhere/test/conformance/${file}`,
    assertionResults: CASES.flatMap((one, index) => {
      const titles = one.title.split(' > ');
      const status = statuses[index];
      if (one.file !== file || status === undefined) return [];
      return [{ ancestorTitles: titles.slice(0, -1), title: titles.at(-1), status }];
    }),
  })),
});

const answersIn = async (answers, differences = {}) => [
  ...readPage(await renderPage(CASES, { known: new Map(), ...answers }, differences)).values(),
];

describe('the page of the conformance cases', () => {
  test('has the answers of both reports, whatever is in the titles', async () => {
    const embedded = answersOf(report('passed', 'passed', 'failed'));
    const real = answersOf(report('failed', 'passed', 'skipped'));
    expect(await answersIn({ embedded, real })).toEqual([
      { embedded: 'passes', real: 'passes' },
      { embedded: 'fails', real: 'not run' },
      { embedded: 'passes', real: 'fails' },
    ]);
  });

  test('has a line for a case that no report has', async () => {
    expect(await answersIn({})).toEqual(CASES.map(() => ({ embedded: 'not run', real: 'not run' })));
  });

  test('keeps what it says of cases that are not run again', async () => {
    const first = await renderPage(
      CASES,
      { known: new Map(), embedded: answersOf(report('passed', 'passed', 'passed')) },
      {},
    );
    const real = answersOf(report(undefined, 'passed'));
    const second = await renderPage(CASES, { known: readPage(first), real }, {});
    expect([...readPage(second).values()]).toEqual([
      { embedded: 'passes', real: 'passes' },
      { embedded: 'passes', real: 'not run' },
      { embedded: 'passes', real: 'not run' },
    ]);
    expect(await renderPage(CASES, { known: readPage(second) }, {})).toBe(second);
  });

  test('forgets cases that are gone', async () => {
    const first = await renderPage(CASES, { known: new Map() }, {});
    const second = await renderPage(CASES.slice(0, 1), { known: readPage(first) }, {});
    expect(readPage(second).size).toBe(1);
  });

  test('has the reason of a difference, and asks for a run when it is gone', async () => {
    const differences = { 'a.test.ts': { 'search > finds it': 'a | reason' } };
    const page = await renderPage(CASES, { known: new Map() }, differences);
    expect(page).toMatch(/search > finds it +\| not run +\| differs +\| a &#124; reason +\|/);
    expect(page).toContain('3 cases: 0 pass on both servers, 1 differ.');
    const after = await renderPage(CASES, { known: readPage(page) }, {});
    expect([...readPage(after).values()].map(({ real }) => real)).toEqual(CASES.map(() => 'not run'));
  });

  test('counts other suites of a report for nothing', () => {
    const { testResults } = report('passed', 'passed', 'passed');
    const others = testResults.map((file) => ({
      ...file,
      name: file.name.replace('conformance', 'examples'),
    }));
    expect(answersOf({ testResults: others }).size).toBe(0);
  });
});

describe('docs/reference/conformance.md', () => {
  const page = readFileSync(PAGE, 'utf8');
  const cases = listCases();

  test('lists exactly the cases that there are; npm run docs:conformance writes it', async () => {
    const fresh = await renderPage(cases, { known: readPage(page) }, readDifferences());
    expect(page).toBe(fresh);
    expect(readPage(page).size).toBe(cases.length);
    expect(cases.length).toBeGreaterThan(300);
  });

  test('lists no difference without a reason', () => {
    const unexplained = [...readPage(page)].filter(([, answers]) => Object.values(answers).includes('fails'));
    expect(unexplained).toEqual([]);
  });

  test('explains no case that does not exist', () => {
    const explained = Object.entries(readDifferences()).flatMap(([file, reasons]) =>
      Object.keys(reasons).map((title) => `${file}: ${title}`),
    );
    expect(cases.map(({ file, title }) => `${file}: ${title}`)).toEqual(expect.arrayContaining(explained));
  });
});
