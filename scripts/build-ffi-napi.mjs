#!/usr/bin/env node
// Installs the optional packages ffi-napi and ref-napi into a folder of their own, for the tests and benchmarks of that
// backend. They are compiled when they are installed, so a C++ compiler and Python are needed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(import.meta.url);

/** Below node_modules, where neither the compiler nor the linter looks. */
export const FFI_NAPI_FOLDER = fileURLToPath(new URL('../node_modules/.cache/ffi-napi/', import.meta.url));

const PACKAGE = {
  private: true,
  dependencies: { 'ffi-napi': 'npm:@2060.io/ffi-napi@4', 'ref-napi': 'npm:@2060.io/ref-napi@3' },
  allowScripts: { '@2060.io/ffi-napi': true, '@2060.io/ref-napi': true },
};

/** Whether the packages are there and work. */
export function hasFfiNapi(folder = FFI_NAPI_FOLDER) {
  if (!existsSync(join(folder, 'node_modules', 'ffi-napi'))) return false;
  try {
    createRequire(join(folder, 'package.json'))('ffi-napi');
    return true;
  } catch {
    return false;
  }
}

function main() {
  if (hasFfiNapi()) {
    console.log(`up to date: ${FFI_NAPI_FOLDER}`);
    return 0;
  }
  mkdirSync(FFI_NAPI_FOLDER, { recursive: true });
  writeFileSync(join(FFI_NAPI_FOLDER, 'package.json'), JSON.stringify(PACKAGE, undefined, 2));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--no-audit', '--no-fund', '--foreground-scripts'];
  const { status, stdout, stderr, error } = spawnSync(npm, args, {
    cwd: FFI_NAPI_FOLDER,
    // An npm that runs this script hands its own settings on, `ignore-scripts` among them.
    env: { ...process.env, npm_config_ignore_scripts: 'false' },
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status === 0 && hasFfiNapi()) {
    console.log(`built ${FFI_NAPI_FOLDER}`);
    return 0;
  }
  const rule = '!'.repeat(80);
  const output = [stdout, stderr, error?.message].filter(Boolean).join('').split('\n').slice(-20).join('\n');
  console.error(
    `${rule}\nNOT BUILT: ffi-napi and ref-napi; the tests of this backend do not run.\n${output}\n${rule}`,
  );
  return process.argv.includes('--optional') ? 0 : 1;
}

if (
  process.argv[1] !== undefined &&
  existsSync(process.argv[1]) &&
  realpathSync(process.argv[1]) === SCRIPT
) {
  process.exitCode = main();
}
