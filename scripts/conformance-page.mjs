// Writes docs/reference/conformance.md: each case of test/conformance with what it came to on both servers.
//
//   npm run docs:conformance -- [--embedded REPORT] [--real REPORT]
//
// REPORT is vitest's JSON report of the suite:
//
//   npx vitest run --project conformance --reporter=json --outputFile=embedded.json
//   npm run test:conductor -- --report real.json test/conformance
//
// Cases that no report has keep what the page says; those that are new are "not run". The reasons of differences are in
// test/conformance/differences.json. The exit code is 1 when a case fails on a server.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
export const PAGE = join(ROOT, 'docs/reference/conformance.md');
const DIFFERENCES = join(ROOT, 'test/conformance/differences.json');

/**
 * @typedef {{ file: string, title: string }} Case `file` without folder, `title` with those of the groups around it
 * @typedef {'passes' | 'fails' | 'not run' | 'differs'} Answer
 * @typedef {{ embedded: Answer, real: Answer }} Answers
 */

/** The title of a case within its file. @param {readonly string[]} titles */
export const titleOf = (titles) => titles.join(' > ');

/** @returns {Record<string, Record<string, string>>} the reason by file and title */
export function readDifferences() {
  return JSON.parse(readFileSync(DIFFERENCES, 'utf8'));
}

/** Every case that there is; nothing is run. @returns {Case[]} */
export function listCases() {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-cases-'));
  try {
    const list = join(folder, 'cases.json');
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    execFileSync(process.execPath, [vitest, 'list', '--project', 'conformance', `--json=${list}`], {
      cwd: ROOT,
      stdio: 'pipe',
      // Also from within a test; and a list needs no build.
      env: { ...without(process.env, /^VITEST/), TUTTI_BUILT: '1' },
    });
    /** @type {{ file: string, name: string }[]} */
    const cases = JSON.parse(readFileSync(list, 'utf8'));
    return cases.map(({ file, name }) => ({ file: basename(file), title: name }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What a report says of the cases in it.
 *
 * @param {any} report
 * @returns {Map<string, Answer>} by the key of the case
 */
export function answersOf(report) {
  /** @type {Map<string, Answer>} */
  const answers = new Map();
  for (const { name, assertionResults } of report.testResults) {
    if (!name.replaceAll('\\', '/').includes('/test/conformance/')) continue;
    for (const { ancestorTitles, title, status } of assertionResults) {
      const answer = status === 'passed' ? 'passes' : status === 'failed' ? 'fails' : 'not run';
      answers.set(keyOf({ file: basename(name), title: titleOf([...ancestorTitles, title]) }), answer);
    }
  }
  return answers;
}

/**
 * What a page says of its cases.
 *
 * @param {string} page
 * @returns {Map<string, Answers>} by the key of the case
 */
export function readPage(page) {
  /** @type {Map<string, Answers>} */
  const answers = new Map();
  let file = '';
  for (const line of page.split('\n')) {
    file = /^## `(.*)`$/.exec(line)?.[1] ?? file;
    const cells = line.split('|').map((cell) => cell.trim());
    const [, title = '', embedded, real] = cells;
    if (file === '' || cells.length !== 6 || title === 'Case' || /^-+$/.test(title)) continue;
    answers.set(`${file} ${title}`, /** @type {Answers} */ ({ embedded, real }));
  }
  return answers;
}

/**
 * @param {readonly Case[]} cases
 * @param {{ known: Map<string, Answers>, embedded?: Map<string, Answer>, real?: Map<string, Answer> }} answers
 * @param {Record<string, Record<string, string>>} differences
 */
export async function renderPage(cases, { known, embedded, real }, differences) {
  const rows = cases.map((one) => {
    const key = keyOf(one);
    const reason = differences[one.file]?.[one.title];
    return {
      ...one,
      embedded: embedded?.get(key) ?? known.get(key)?.embedded ?? 'not run',
      real: reason === undefined ? (real?.get(key) ?? realOf(known.get(key))) : 'differs',
      reason: reason ?? '',
    };
  });
  const files = [...new Set(rows.map(({ file }) => file))].toSorted();
  const passing = rows.filter((row) => row.embedded === 'passes' && row.real === 'passes').length;
  const differing = rows.filter((row) => row.real === 'differs');
  const page = `${INTRODUCTION}
${rows.length} cases: ${passing} pass on both servers, ${differing.length} differ.
${files
  .map(
    (file) => `
## \`${file}\`

| Case | Embedded | Conductor 3.32.1 | Reason |
| --- | --- | --- | --- |
${rows
  .filter((row) => row.file === file)
  .map((row) => `| ${textOf(row.title)} | ${row.embedded} | ${row.real} | ${textOf(row.reason)} |`)
  .join('\n')}
`,
  )
  .join('')}`;
  return await format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

const INTRODUCTION = `# Conformance

The cases of \`test/conformance\` send the same requests to the embedded server and to Conductor 3.32.1, and expect the same
answers. This page has a line for each of them. A case that differs has the reason; it runs on the embedded server only.
[The embedded server](embedded-server.md) describes the differences as a whole.

Don't edit this page. \`npm run docs:conformance\` writes it from the reports of the suite.
`;

/** A difference whose reason is gone has to be run again. @param {Answers | undefined} known @returns {Answer} */
function realOf(known) {
  return known === undefined || known.real === 'differs' ? 'not run' : known.real;
}

/** @param {Case} one */
function keyOf({ file, title }) {
  return `${file} ${textOf(title)}`;
}

/** As Markdown shows it as it is. @param {string} text */
function textOf(text) {
  return text
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[&<|*_`[\]\\$~]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @param {NodeJS.ProcessEnv} env @param {RegExp} names */
function without(env, names) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.test(name)));
}

async function main() {
  const { values } = parseArgs({ options: { embedded: { type: 'string' }, real: { type: 'string' } } });
  const read = (/** @type {string | undefined} */ file) =>
    file === undefined ? undefined : answersOf(JSON.parse(readFileSync(file, 'utf8')));
  const embedded = read(values.embedded);
  const real = read(values.real);
  const known = existsSync(PAGE) ? readPage(readFileSync(PAGE, 'utf8')) : new Map();
  const page = await renderPage(
    listCases(),
    { known, ...(embedded && { embedded }), ...(real && { real }) },
    readDifferences(),
  );
  writeFileSync(PAGE, page);
  const failing = [...readPage(page)].filter(([, answers]) => Object.values(answers).includes('fails'));
  for (const [key] of failing) console.error(`fails: ${key}`);
  process.exitCode = failing.length > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
