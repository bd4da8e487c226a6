// The command lines that build native libraries, for each platform; nothing is run here.
import { existsSync } from 'node:fs';
import { posix, win32 } from 'node:path';

export const CXX_SOURCE = /\.(?:cc|cpp)$/;
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
export function compileCommand({ compiler, platform, arch, sources, output, debug = false, sanitize = [] }) {
  if (platform === 'win32' && isCl(compiler)) {
    const folder = win32.dirname(output);
    const optimise = debug || sanitize.length > 0 ? ['/Od', '/Zi', `/Fd:${folder}\\`] : ['/O2'];
    const checks = sanitize.map((name) => `/fsanitize=${name}`);
    const flags = ['/nologo', ...optimise, ...checks, '/EHsc', '/std:c++17', '/W3', '/LD'];
    return [...compiler, ...flags, ...sources, `/Fo:${folder}\\`, `/Fe:${output}`];
  }
  const cxx = sources.filter((source) => CXX_SOURCE.test(source));
  const c = sources.filter((source) => !CXX_SOURCE.test(source));
  return [
    ...compiler,
    ...optimiseFlags(debug, sanitize),
    '-Wall',
    '-Wextra',
    // The option would be refused, or warned about, where C is compiled by the same call.
    ...(c.length === 0 ? ['-std=c++17'] : []),
    ...linkFlags(platform, arch, posix.basename(output), sanitize.length > 0),
    '-o',
    output,
    ...(cxx.length === 0 ? [] : ['-x', 'c++', ...cxx]),
    ...(c.length === 0 ? [] : ['-x', 'c', ...c]),
  ];
}

/** Whether it is the compiler of Visual Studio. */
export function isCl([program = '']) {
  return /^cl(?:\.exe)?$/i.test(win32.basename(program));
}

function optimiseFlags(debug, sanitize) {
  if (sanitize.length > 0) {
    return [debug ? '-O0' : '-O1', '-g', '-fno-omit-frame-pointer', `-fsanitize=${sanitize.join(',')}`];
  }
  return debug ? ['-O0', '-g'] : ['-O2'];
}

function linkFlags(platform, arch, file, isSanitized) {
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
  // A function that is nowhere is then an error now, and not when the library is loaded. The functions of a sanitizer are
  // in the program that loads the library, though.
  return ['-fPIC', '-shared', ...(platform === 'linux' && !isSanitized ? ['-Wl,--no-undefined'] : [])];
}

/** The command line that lists what a library exports. */
export function exportsCommand({ platform, file }) {
  if (platform === 'win32') return ['dumpbin', '/nologo', '/exports', file];
  return platform === 'darwin' ? ['nm', '-gU', file] : ['nm', '-D', '--defined-only', file];
}

/**
 * The names of functions in the output of {@link exportsCommand}: those that can be called by their C name, and those of
 * C++ functions that stand outside of namespaces, which their author may have wanted to be called.
 */
export function readExports(text, platform) {
  const symbols = text.split(/\r?\n/).flatMap((line) => {
    if (platform === 'win32') return /^\s+\d+\s+[\dA-F]+\s+[\dA-F]{8}\s+(\S+)/i.exec(line)?.slice(1, 2) ?? [];
    const [, symbol] = /^[\da-f]+ T (\S+)/i.exec(line) ?? [];
    if (symbol === undefined) return [];
    return [platform === 'darwin' ? symbol.replace(/^_/, '') : symbol];
  });
  const isMangled = (symbol) => /^(?:_Z|\?)/.test(symbol);
  return {
    c: symbols.filter((symbol) => !isMangled(symbol) && !/^_(?:init|fini)$/.test(symbol)),
    cxx: [
      ...new Set(
        symbols
          .filter(isMangled)
          .map(plainName)
          .filter((name) => name !== undefined),
      ),
    ],
  };
}

/** `get_sum` of `_Z7get_sumii` and of `?get_sum@@YAHHH@Z`; nothing for members and namespaces. */
function plainName(symbol) {
  const [, length, rest] = /^_Z(\d+)(.*)$/.exec(symbol) ?? [];
  if (length !== undefined) return rest.slice(0, Number(length));
  return /^\?([A-Za-z_]\w*)@@Y/.exec(symbol)?.[1];
}

/** The compilers that are tried, best first, each as a list of words. */
export function compilerCandidates(env, platform, exists = existsSync) {
  const given = env.CXX?.trim();
  // A path with spaces in it is one word, "ccache g++" is two.
  if (given) return [exists(given) ? [given] : given.split(/\s+/)];
  const usual = [['c++'], ['g++'], ['clang++']];
  return platform === 'win32' ? [['cl'], ...usual] : usual;
}

/** Node.js is not built with the sanitizer, so its library must be loaded before everything else. */
export function howToRun(compiler, platform, sanitize) {
  const [program] = compiler;
  const library = { address: 'asan', thread: 'tsan', undefined: 'ubsan' }[sanitize[0]];
  if (platform === 'darwin') {
    return `Run with: DYLD_INSERT_LIBRARIES=$(${program} -print-file-name=libclang_rt.${library}_osx_dynamic.dylib) node …`;
  }
  if (platform !== 'linux')
    return 'Run from a prompt in which the libraries of the sanitizer are on the PATH.';
  const options = sanitize.includes('address') ? 'ASAN_OPTIONS=detect_leaks=0 ' : '';
  return `Run with: ${options}LD_PRELOAD=$(${program} -print-file-name=lib${library}.so) node …`;
}
