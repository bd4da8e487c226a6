#!/usr/bin/env node
// Compiles each native/<name>/*.{c,cc,cpp} of a project into native/build/<platform>-<arch>/lib<name>.so, .dylib or
// <name>.dll. `node scripts/build-native.mjs --help` tells the options.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, posix, relative, resolve, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: build-native [--root DIR] [--optional]
Compiles the C and C++ sources in DIR/native/<name>/ into shared libraries in DIR/native/build/.
  --root DIR   the project (default: the working folder)
  --optional   without a compiler, warn and exit with 0
CXX names the compiler, with arguments where needed (CXX="ccache g++").`;

const WHAT_TO_INSTALL = `Install one:
  Debian, Ubuntu   sudo apt-get install g++
  Alpine           apk add g++
  Fedora, RHEL     sudo dnf install gcc-c++
  macOS            xcode-select --install
  Windows          the "Desktop development with C++" of the Visual Studio Build Tools
                   (then run this from a "Developer Command Prompt"), or MinGW-w64
or name another in the environment variable CXX.`;

const SCRIPT = fileURLToPath(import.meta.url);
const CXX_SOURCE = /\.(?:cc|cpp)$/;
const SOURCE = /\.(?:c|cc|cpp)$/;
const ARCHITECTURES_OF_APPLE = { arm64: 'arm64', x64: 'x86_64' };

/** The name of a library's file, as Tutti looks for it. */
export function libraryFile(name, platform) {
  if (platform === 'win32') return `${name}.dll`;
  return platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;
}

/** The folder that the libraries of a platform are built into. */
export function buildFolder(root, platform, arch) {
  return (platform === 'win32' ? win32 : posix).join(root, 'native', 'build', `${platform}-${arch}`);
}

/**
 * The command line that makes one library: a list of words, the compiler first.
 * One call compiles C as C and C++ as C++, whatever the compiler's driver takes `.c` for.
 */
export function compileCommand({ compiler, platform, arch, sources, output }) {
  const [program = ''] = compiler;
  if (platform === 'win32' && /^cl(?:\.exe)?$/i.test(win32.basename(program))) {
    const folder = win32.dirname(output);
    const flags = ['/nologo', '/O2', '/EHsc', '/std:c++17', '/W3', '/LD'];
    return [...compiler, ...flags, ...sources, `/Fo:${folder}\\`, `/Fe:${output}`];
  }
  const cxx = sources.filter((source) => CXX_SOURCE.test(source));
  const c = sources.filter((source) => !CXX_SOURCE.test(source));
  return [
    ...compiler,
    '-O2',
    '-Wall',
    '-Wextra',
    // The option would be refused, or warned about, where C is compiled by the same call.
    ...(c.length === 0 ? ['-std=c++17'] : []),
    ...linkFlags(platform, arch, posix.basename(output)),
    '-o',
    output,
    ...(cxx.length === 0 ? [] : ['-x', 'c++', ...cxx]),
    ...(c.length === 0 ? [] : ['-x', 'c', ...c]),
  ];
}

function linkFlags(platform, arch, file) {
  // MinGW: its own runtime inside, because no other Windows machine has it.
  if (platform === 'win32') return ['-shared', '-static'];
  if (platform === 'darwin') {
    const appleArch = ARCHITECTURES_OF_APPLE[arch];
    return [
      '-fPIC',
      '-dynamiclib',
      // Node and the compiler may be of different architectures, under Rosetta.
      ...(appleArch === undefined ? [] : ['-arch', appleArch]),
      `-Wl,-install_name,@rpath/${file}`,
    ];
  }
  // A function that is nowhere is then an error now, and not when the library is loaded.
  return ['-fPIC', '-shared', ...(platform === 'linux' ? ['-Wl,--no-undefined'] : [])];
}

/** The compilers that are tried, best first, each as a list of words. */
export function compilerCandidates(env, platform, exists = existsSync) {
  const given = env.CXX?.trim();
  // A path with spaces in it is one word, "ccache g++" is two.
  if (given) return [exists(given) ? [given] : given.split(/\s+/)];
  const usual = [['c++'], ['g++'], ['clang++']];
  return platform === 'win32' ? [['cl'], ...usual] : usual;
}

/** The first compiler that can be run, `undefined` when there is none. */
export function findCompiler({ env = process.env, platform = process.platform } = {}) {
  return compilerCandidates(env, platform).find((compiler) => {
    const [program, ...args] = compiler;
    const isCl = /^cl(?:\.exe)?$/i.test(win32.basename(program));
    // Started and exited with 0: macOS has a c++ that only says that the tools are not installed.
    return spawnSync(program, isCl ? ['/?'] : [...args, '--version'], { env, stdio: 'ignore' }).status === 0;
  });
}

/** The libraries of a project: a folder of native/ with sources each. */
export function findLibraries(root) {
  const native = join(root, 'native');
  const folders = readdirSync(native, { withFileTypes: true }).filter(
    (e) => e.isDirectory() && e.name !== 'build',
  );
  return folders
    .map(({ name }) => {
      const files = readdirSync(join(native, name)).map((file) => join(native, name, file));
      return { name, files, sources: files.filter((file) => SOURCE.test(file)).sort() };
    })
    .filter(({ sources }) => sources.length > 0);
}

/**
 * Builds what is older than its sources.
 *
 * @returns the exit code
 */
export function buildNative({
  root,
  optional = false,
  env = process.env,
  platform = process.platform,
  arch = process.arch,
  print = console.log,
  complain = console.error,
}) {
  if (!existsSync(join(root, 'native'))) {
    complain(
      `There is nothing to build: ${join(root, 'native')} does not exist (--root names another project)`,
    );
    return 1;
  }
  const folder = buildFolder(root, platform, arch);
  const libraries = findLibraries(root).map((library) => ({
    ...library,
    output: join(folder, libraryFile(library.name, platform)),
  }));
  const stale = libraries.filter(({ output, files }) => !isNewer(output, [...files, SCRIPT]));
  for (const library of libraries) {
    if (!stale.includes(library)) print(`up to date: ${relative(root, library.output)}`);
  }
  if (libraries.length === 0)
    print(`There is nothing to build: no folder of ${join(root, 'native')} has C or C++ sources`);
  if (stale.length === 0) return 0;

  const compiler = findCompiler({ env, platform });
  if (compiler === undefined) {
    const tried = compilerCandidates(env, platform).map((words) => words.join(' '));
    const names = stale.map(({ name }) => name).join(', ');
    const rule = '!'.repeat(80);
    const consequence = optional ? '\nGoing on without: workers that need these libraries cannot run.' : '';
    complain(
      `${rule}\nNATIVE_COMPILER_MISSING: there is no C++ compiler to build the native libraries with (${names}).\n` +
        `Tried: ${tried.join(', ')}. ${WHAT_TO_INSTALL}${consequence}\n${rule}`,
    );
    return optional ? 0 : 1;
  }
  const failed = stale.filter(
    (library) => !compile(library, { root, compiler, platform, arch, env, print, complain }),
  );
  return failed.length === 0 ? 0 : 1;
}

function isNewer(output, inputs) {
  const built = statSync(output, { throwIfNoEntry: false });
  return built !== undefined && inputs.every((input) => statSync(input).mtimeMs < built.mtimeMs);
}

/** Compiles beside and renames: a process that has the old file loaded keeps it, and a failure leaves it in place. */
function compile({ name, sources, output }, { root, compiler, platform, arch, env, print, complain }) {
  const started = performance.now();
  const scratch = join(buildFolder(root, platform, arch), `.${name}-${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    const made = join(scratch, basename(output));
    const [program, ...args] = compileCommand({ compiler, platform, arch, sources, output: made });
    const { status, signal, stdout, stderr, error } = spawnSync(program, args, { env, encoding: 'utf8' });
    const text = [stdout, stderr, error?.message].filter(Boolean).join('').trimEnd();
    if (status !== 0) {
      const command = [program, ...args].join(' ');
      complain(
        `NATIVE_BUILD_FAILED: ${name}: ${program} ended with ${signal ?? status}\n${command}\n${text}`,
      );
      return false;
    }
    if (text !== '') print(text);
    renameSync(made, output);
    print(
      `built ${relative(root, output)} (${program}, ${((performance.now() - started) / 1000).toFixed(1)} s)`,
    );
    return true;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function main() {
  let values;
  try {
    const options = { root: { type: 'string' }, optional: { type: 'boolean' }, help: { type: 'boolean' } };
    ({ values } = parseArgs({ options }));
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 1;
  }
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  return buildNative({ root: resolve(values.root ?? '.'), optional: values.optional ?? false });
}

if (
  process.argv[1] !== undefined &&
  existsSync(process.argv[1]) &&
  realpathSync(process.argv[1]) === SCRIPT
) {
  process.exitCode = main();
}
