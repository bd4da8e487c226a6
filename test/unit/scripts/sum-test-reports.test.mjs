import { describe, expect, test } from 'vitest';
import { countReport, countSuites } from '../../../scripts/sum-test-reports.mjs';

const file = (status, statuses, message = '') => ({
  name: 'a.test.ts',
  status,
  message,
  assertionResults: statuses.map((one) => ({ status: one })),
});

describe('what a report adds to the sum', () => {
  test('tests by their status; pending and todo are skipped', () => {
    const report = {
      success: false,
      testResults: [
        file('failed', ['passed', 'failed']),
        file('passed', ['passed', 'pending', 'todo', 'skipped']),
      ],
    };
    expect(countReport(report)).toEqual({ passed: 2, failed: 1, skipped: 3, notes: [] });
  });

  test('a file that could not be loaded is a failure', () => {
    const report = { success: false, testResults: [file('failed', [], 'Cannot find module')] };
    const { failed, notes } = countReport(report);
    expect(failed).toBe(1);
    expect(notes.join()).toContain('Cannot find module');
  });

  test('a run that failed without a failed test is a failure', () => {
    const passed = [file('passed', ['passed'])];
    expect(countReport({ success: false, testResults: passed })).toMatchObject({ passed: 1, failed: 1 });
    expect(countReport({ success: true, testResults: passed }, true)).toMatchObject({ passed: 1, failed: 1 });
    expect(countReport({ success: true, testResults: passed }, false)).toMatchObject({
      passed: 1,
      failed: 0,
    });
  });

  test('a run of nothing is a failure', () => {
    expect(countReport({ success: true, testResults: [] }).failed).toBe(1);
  });

  test('a run that could not take place is skipped, and says why', () => {
    expect(countReport({ notRun: 'no Java' })).toEqual({
      passed: 0,
      failed: 0,
      skipped: 1,
      notes: ['NOT RUN: no Java'],
    });
  });

  test.each([[null], [{}], ['text']])('%j is no report, and a failure', (report) => {
    expect(countReport(report).failed).toBe(1);
  });
});

describe('one run of several suites', () => {
  const of = (suite, status, statuses) => ({
    ...file(status, statuses),
    name: `/home/test/test/${suite}/a.test.ts`,
  });
  const unit = of('unit', 'passed', ['passed', 'skipped']);

  test('is counted suite by suite', () => {
    const process = of('process', 'failed', ['passed', 'failed', 'failed']);
    const counts = countSuites({ success: false, testResults: [unit, process] }, ['unit', 'process'], true);
    expect(counts).toEqual({
      unit: { passed: 1, failed: 0, skipped: 1, notes: [] },
      process: { passed: 1, failed: 2, skipped: 0, notes: [] },
    });
  });

  test('has a failure for each suite that did not run', () => {
    const { process } = countSuites({ success: true, testResults: [unit] }, ['unit', 'process']);
    expect(process).toEqual({ passed: 0, failed: 1, skipped: 0, notes: ['no test file was run'] });
    expect(countSuites({}, ['unit', 'process'])).toMatchObject({
      unit: { failed: 1 },
      process: { failed: 1 },
    });
  });

  test('has a failure when it ended with an error that no test explains', () => {
    for (const [isSuccess, hasEndedWithError] of [
      [true, true],
      [false, false],
    ]) {
      const counts = countSuites({ success: isSuccess, testResults: [unit] }, ['unit'], hasEndedWithError);
      expect(counts).toEqual({
        unit: { passed: 1, failed: 0, skipped: 1, notes: [] },
        'none of these': {
          passed: 0,
          failed: 1,
          skipped: 0,
          notes: ['the run ended with an error, but without a failed test'],
        },
      });
    }
    expect(Object.keys(countSuites({ success: true, testResults: [unit] }, ['unit']))).toEqual(['unit']);
  });

  test('has a line for files of other suites', () => {
    const counts = countSuites({ success: true, testResults: [unit] }, []);
    expect(counts).toEqual({ 'none of these': { passed: 1, failed: 0, skipped: 1, notes: [] } });
  });
});
