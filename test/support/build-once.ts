import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Builds the package, the examples, the fixtures and the native libraries before the suites that run them. Once for all
 * projects of a run, and not at all when `TUTTI_BUILT` says that it was done.
 */
export default function buildOnce(): void {
  if (process.env['TUTTI_BUILT'] === '1') return;
  run('scripts/clean.mjs');
  // `npm test` has checked the types already.
  for (const config of ['tsconfig.build.json', 'tsconfig.examples.json'])
    run('node_modules/typescript/bin/tsc', '-p', config, '--noCheck');
  // Without a compiler only the tests of native libraries can fail.
  run('scripts/build-native.mjs', '--optional');
  process.env['TUTTI_BUILT'] = '1';
}

function run(...args: string[]): void {
  execFileSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
}
