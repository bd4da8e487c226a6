#!/usr/bin/env node
// Compiles each native/<name>/*.{c,cc,cpp} of a project into native/build/<platform>-<arch>/lib<name>.so, .dylib or
// <name>.dll. `node scripts/build-native.mjs --help` tells the options.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  buildFolder,
  compileCommand,
  compilerCandidates,
  CXX_SOURCE,
  exportsCommand,
  howToRun,
  isCl,
  libraryFile,
  readExports,
} from './native-commands.mjs';

const USAGE = `Usage: build-native [--root DIR] [--debug] [--sanitize LIST] [--optional]
Compiles the C and C++ sources in DIR/native/<name>/ into shared libraries in DIR/native/build/. What is newer than its
sources, and was built with the same options, is left as it is.
  --root DIR       the project (default: the working folder)
  --debug          without optimisation, with what a debugger needs
  --sanitize LIST  with sanitizers of the compiler: address, undefined, thread, or several with commas between
  --optional       without a compiler, warn and exit with 0
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
const SOURCE = /\.(?:c|cc|cpp)$/;

/** The first compiler that can be run, `undefined` when there is none. */
export function findCompiler({ env = process.env, platform = process.platform } = {}) {
  return compilerCandidates(env, platform).find((compiler) => {
    const [program, ...args] = compiler;
    // Started and exited with 0: macOS has a c++ that only says that the tools are not installed.
    return (
      spawnSync(program, isCl(compiler) ? ['/?'] : [...args, '--version'], { env, stdio: 'ignore' })
        .status === 0
    );
  });
}

/**
 * The libraries of a project: a folder of native/ with sources each. All that is below the folder counts when its age is
 * looked at, the folder itself too: it changes with each file that is added or removed. Hidden files are those of editors.
 */
export function findLibraries(root) {
  const native = join(root, 'native');
  const folders = readdirSync(native, { withFileTypes: true }).filter(
    (e) => e.isDirectory() && e.name !== 'build',
  );
  return folders
    .map(({ name }) => {
      const folder = join(native, name);
      const isHidden = (path) => path.split(/[/\\]/).some((part) => part.startsWith('.'));
      const below = readdirSync(folder, { recursive: true }).filter((path) => !isHidden(path));
      const sources = below.filter((path) => SOURCE.test(path) && basename(path) === path);
      return {
        name,
        files: [folder, ...below.map((path) => join(folder, path))],
        sources: sources.map((path) => join(folder, path)).sort(),
      };
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
  debug = false,
  sanitize = [],
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
  const flavour = JSON.stringify({ debug, sanitize, CXX: env.CXX });
  const isCurrent = ({ name, output, files }) =>
    isNewer(output, [...files, SCRIPT]) && readFlavour(flavourFile(root, platform, arch, name)) === flavour;
  const stale = libraries.filter((library) => !isCurrent(library));
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
  const context = { root, compiler, platform, arch, env, print, complain, debug, sanitize, flavour };
  const failed = stale.filter((library) => !compile(library, context));
  if (sanitize.length > 0 && failed.length < stale.length) print(howToRun(compiler, platform, sanitize));
  return failed.length === 0 ? 0 : 1;
}

/** With what options a library was built stands beside the build folder. */
function flavourFile(root, platform, arch, name) {
  return join(root, 'native', 'build', '.options', `${platform}-${arch}`, name);
}

function readFlavour(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '{"debug":false,"sanitize":[]}';
}

function isNewer(output, inputs) {
  const built = statSync(output, { throwIfNoEntry: false });
  // What is not there, as the target of a link, is for the compiler to tell.
  const age = (input) => statSync(input, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
  return built !== undefined && inputs.every((input) => age(input) < built.mtimeMs);
}

/** Compiles beside and renames: a process that has the old file loaded keeps it, and a failure leaves it in place. */
function compile({ name, sources, output }, context) {
  const { root, compiler, platform, arch, env, print, complain, debug, sanitize, flavour } = context;
  const started = performance.now();
  const scratch = join(buildFolder(root, platform, arch), `.${name}-${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    const made = join(scratch, basename(output));
    const [program, ...args] = compileCommand({
      compiler,
      platform,
      arch,
      sources,
      output: made,
      debug,
      sanitize,
    });
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
    if (!checkExports({ name, sources, file: made }, context)) return false;
    renameSync(made, output);
    const stamp = flavourFile(root, platform, arch, name);
    mkdirSync(dirname(stamp), { recursive: true });
    writeFileSync(stamp, flavour);
    print(
      `built ${relative(root, output)} (${program}, ${((performance.now() - started) / 1000).toFixed(1)} s)`,
    );
    return true;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** C++ gives functions names of its own: without `extern "C"` nothing is found under the name that stands in the source. */
function checkExports({ name, sources, file }, { platform, env, complain }) {
  if (!sources.some((source) => CXX_SOURCE.test(source))) return true;
  const [program, ...args] = exportsCommand({ platform, file });
  const { status, stdout } = spawnSync(program, args, { env, encoding: 'utf8' });
  // The tool that lists them comes with the compiler, as a rule.
  if (status !== 0) return true;
  const { c, cxx } = readExports(stdout, platform);
  if (cxx.length === 0) return true;
  const list = cxx.join(', ');
  if (c.length > 0) {
    complain(
      `${name}: not exported under their C names: ${list}; put extern "C" before those that are to be called, static before others`,
    );
    return true;
  }
  complain(
    `NATIVE_BUILD_FAILED: ${name}: nothing is exported under its C name; put extern "C" before ${list}`,
  );
  return false;
}

const SANITIZERS = ['address', 'undefined', 'thread'];

/** @param args - of the command line. @returns the exit code */
export function main(args = process.argv.slice(2)) {
  let values;
  let sanitize;
  try {
    const options = {
      root: { type: 'string' },
      debug: { type: 'boolean' },
      sanitize: { type: 'string' },
      optional: { type: 'boolean' },
      help: { type: 'boolean' },
    };
    ({ values } = parseArgs({ args, options }));
    sanitize = values.sanitize?.split(',').map((word) => word.trim()) ?? [];
    const strange = sanitize.find((word) => !SANITIZERS.includes(word));
    if (strange !== undefined)
      throw new Error(`expected --sanitize to be a list of ${SANITIZERS.join(', ')}, got "${strange}"`);
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 1;
  }
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { root = '.', optional = false, debug = false } = values;
  return buildNative({ root: resolve(root), optional, debug, sanitize });
}

if (
  process.argv[1] !== undefined &&
  existsSync(process.argv[1]) &&
  realpathSync(process.argv[1]) === SCRIPT
) {
  process.exitCode = main();
}
