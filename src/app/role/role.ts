import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../../core/errors.js';
import { mainFile, resolveMainFile } from '../../os/main-file.js';
import { ownLocation } from '../../core/own-location.js';
import { testRunner } from '../../core/test-runner.js';
import { isClusterChild } from '../../host/cluster-child.js';
import type { Environment } from '../../core/environment.js';

/** What the role is judged by. */
export interface ProcessFacts {
  /** The file that the program was started with. */
  readonly mainFile: string | undefined;
  readonly env: Environment;
  readonly isClusterChild: boolean;
}

/** The main file of the process in which `discover` imports unknown files. */
export const DISCOVERY_PROCESS = fileURLToPath(
  new URL('../app/discovery/discovery-process.js', ownLocation()),
);

export function currentProcess(): ProcessFacts {
  return { mainFile: mainFile(), env: process.env, isClusterChild: isClusterChild() };
}

/**
 * The file that worker processes are to run.
 *
 * @param entry - the `entry` option
 * @throws ConfigurationError `ROLE_UNCLEAR` where forking would run the wrong file or is not possible
 */
export function entryFile(entry: string | undefined, facts: ProcessFacts): string {
  if (facts.isClusterChild) {
    throw unclear(
      "this process is a cluster child of another program (PM2's cluster mode, for example), which cannot fork worker processes",
      "start the program in fork mode (PM2: `exec_mode: 'fork'`, without `instances` and `-i`); the option `processes` of a worker sets how many processes it has",
    );
  }
  if (facts.mainFile === DISCOVERY_PROCESS) {
    throw unclear(
      'a file that `discover` matches calls bootstrap() while it is imported',
      'let the patterns match the files with workers only, not the main file',
    );
  }
  if (entry !== undefined) return entry;
  const runner = runnerOf(facts);
  const fix = "pass `entry: new URL('./main.js', import.meta.url)`, a file that calls bootstrap() itself";
  if (runner !== undefined) {
    const { name, variable } = runner;
    const ofTest =
      variable === undefined
        ? ''
        : `; take ${variable} out of the environment of a program that a test starts as a process`;
    throw unclear(
      `bootstrap() was called under the test runner ${name}, whose file the worker processes would run`,
      `${fix}${ofTest}`,
    );
  }
  if (facts.mainFile === undefined || facts.mainFile === '-') {
    throw unclear(
      'there is no main file that the worker processes could run (REPL, --eval or standard input)',
      fix,
    );
  }
  return resolveMainFile(facts.mainFile);
}

/** Some runners set no variable; their own file is the main file. */
function runnerOf({ env, mainFile: file }: ProcessFacts): { name: string; variable?: string } | undefined {
  const runner = testRunner(env);
  if (runner !== undefined) return runner;
  if (file !== undefined && /^(_?mocha|ava|tap|jasmine)(\.[cm]?js)?$/.test(basename(file)))
    return { name: basename(file) };
  return undefined;
}

function unclear(what: string, fix: string): ConfigurationError {
  return new ConfigurationError('ROLE_UNCLEAR', `${what}. Fix: ${fix}`);
}
