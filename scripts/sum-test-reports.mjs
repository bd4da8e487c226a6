// Adds up vitest's JSON reports of several runs and prints `N passed, N failed, N skipped` as the last line.
//
//   node scripts/sum-test-reports.mjs FOLDER RUN… [--failed-step STEP]…
//
// A RUN is a name, or NAME=SUITE,SUITE,… when one run had several suites, the folders below test/. Each run must have left
// FOLDER/NAME.json; FOLDER/NAME.failed marks one that ended with an error. One failure each is counted for a run without a
// readable report, for a suite without a test, for a marked run whose report has no failure, and for a failed step. The exit
// code is 1 when anything failed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * What one report adds to the sum. A file that could not be loaded, and an error outside of the tests, count as a failure.
 *
 * @param {any} report
 * @param {boolean} hasEndedWithError the exit code of the run was not 0
 * @returns {{ passed: number, failed: number, skipped: number, notes: string[] }}
 */
export function countReport(report, hasEndedWithError = false) {
  if (typeof report?.notRun === 'string') {
    return { passed: 0, failed: 0, skipped: 1, notes: [`NOT RUN: ${report.notRun}`] };
  }
  if (!Array.isArray(report?.testResults)) {
    return { passed: 0, failed: 1, skipped: 0, notes: ['the report is not one of vitest'] };
  }
  const counts = { passed: 0, failed: 0, skipped: 0, notes: /** @type {string[]} */ ([]) };
  for (const file of report.testResults) {
    const statuses = file.assertionResults.map((/** @type {{ status: string }} */ test) => test.status);
    const count = (/** @type {string} */ wanted) =>
      statuses.filter((/** @type {string} */ s) => s === wanted).length;
    counts.passed += count('passed');
    counts.failed += count('failed');
    counts.skipped += statuses.length - count('passed') - count('failed');
    if (file.status === 'failed' && count('failed') === 0) {
      counts.failed += 1;
      counts.notes.push(`${file.name} failed outside of its tests: ${file.message}`);
    }
  }
  if ((hasEndedWithError || report.success !== true) && counts.failed === 0) {
    counts.failed += 1;
    counts.notes.push('the run ended with an error, but without a failed test');
  }
  if (report.testResults.length === 0) {
    counts.failed += 1;
    counts.notes.push('no test file was run');
  }
  return counts;
}

/**
 * What each suite of a run adds to the sum, and what the run adds that belongs to none of them.
 *
 * @param {any} report
 * @param {readonly string[]} suites
 * @param {boolean} hasEndedWithError
 * @returns {Record<string, ReturnType<typeof countReport>>} by the name of the suite
 */
export function countSuites(report, suites, hasEndedWithError = false) {
  if (!Array.isArray(report?.testResults)) {
    return Object.fromEntries(suites.map((suite) => [suite, countReport(report)]));
  }
  /** @type {any[]} */
  const files = report.testResults;
  const isOf = (/** @type {any} */ file, /** @type {string} */ suite) =>
    file.name.replaceAll('\\', '/').includes(`/test/${suite}/`);
  const counts = Object.fromEntries(
    suites.map((suite) => {
      const testResults = files.filter((file) => isOf(file, suite));
      return [suite, countReport({ success: true, testResults })];
    }),
  );
  const others = files.filter((file) => !suites.some((suite) => isOf(file, suite)));
  const hasFailedTest = Object.values(counts).some(({ failed }) => failed > 0);
  const isUnexplained = (hasEndedWithError || report.success !== true) && !hasFailedTest;
  if (others.length > 0 || isUnexplained) {
    const rest = countReport({ success: !isUnexplained, testResults: others });
    // That no file is left over is as it should be.
    if (others.length === 0) rest.notes = rest.notes.filter((note) => note !== 'no test file was run');
    counts['none of these'] = { ...rest, failed: others.length === 0 ? 1 : rest.failed };
  }
  return counts;
}

/**
 * @param {string} folder
 * @param {string} run
 * @returns {Record<string, ReturnType<typeof countReport>>}
 */
function countFile(folder, run) {
  const [name = '', suites] = run.split('=');
  const hasEndedWithError = existsSync(join(folder, `${name}.failed`));
  try {
    const report = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    if (suites !== undefined) return countSuites(report, suites.split(','), hasEndedWithError);
    return { [name]: countReport(report, hasEndedWithError) };
  } catch {
    const notes = ['the run left no report that can be read'];
    return { [name]: { passed: 0, failed: 1, skipped: 0, notes } };
  }
}

function main() {
  const { values, positionals } = parseArgs({
    options: { 'failed-step': { type: 'string', multiple: true, default: [] } },
    allowPositionals: true,
  });
  const [folder = '.', ...runs] = positionals;
  const sum = { passed: 0, failed: values['failed-step'].length, skipped: 0 };
  for (const step of values['failed-step']) console.log(`${step}: FAILED`);
  const suites = runs.flatMap((run) => Object.entries(countFile(folder, run)));
  for (const [name, { passed, failed, skipped, notes }] of suites) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    for (const note of notes) console.log(`  ${note}`);
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
