import { statSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mainFile, resolveMainFile } from '../../os/main-file.js';

/** Which library is looked for. */
export interface LookupRequest {
  readonly library: string;
  readonly path: string | URL | undefined;
}

/** From where it is looked for: all that the plan depends on. */
export interface LookupPlace {
  readonly platform: string;
  readonly arch: string;
  readonly cwd: string;
  /** The file that the process was started with. */
  readonly mainFile: string | undefined;
  /** A list of files and folders, as in `PATH`. */
  readonly searchPath: string | undefined;
}

/** A file that may be the library, or a name that the loader of the system may know. */
export interface LibraryCandidate {
  readonly kind: 'file' | 'system';
  readonly location: string;
}

export function currentPlace(): LookupPlace {
  const { platform, arch, env } = process;
  const file = mainFile();
  return {
    platform,
    arch,
    cwd: process.cwd(),
    mainFile: file === undefined ? undefined : resolveMainFile(file),
    searchPath: env['TUTTI_NATIVE_PATH'],
  };
}

/** Whether there is a regular file; what cannot be asked for is none, links that go round in circles for example. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * All candidates for a library, best first: the environment (`TUTTI_NATIVE_PATH`) before the option `path`, that
 * instead of the usual places (the project's `native/build`, packages), the loader of the system last.
 *
 * @param projects - see {@link findProjects}
 */
export function planLookup(
  request: LookupRequest,
  place: LookupPlace,
  projects: readonly string[],
): LibraryCandidate[] {
  const path = pathOf(place);
  const { library } = request;
  if (path.isAbsolute(library)) return [{ kind: 'file', location: path.normalize(library) }];

  const files = fileNames(library, place);
  const locations = splitSearchPath(place).flatMap((entry) => fileOrFolder(entry, files, place));
  if (request.path !== undefined) {
    locations.push(
      ...optionPlaces(request.path, projects, place).flatMap((entry) => fileOrFolder(entry, files, place)),
    );
  } else if (/[/\\]/.test(library)) {
    locations.push(...packagePlaces(library, files, projects, place));
  } else {
    const folders = projects.flatMap((project) => buildFolders(project, place));
    locations.push(...folders.flatMap((folder) => files.map((file) => path.join(folder, file))));
  }
  const plan = [...new Set(locations)].map((location): LibraryCandidate => ({ kind: 'file', location }));
  const systemMayKnow =
    request.path === undefined && path.basename(library) === library && isLibraryFile(library);
  return systemMayKnow ? [...plan, { kind: 'system', location: library }] : plan;
}

/**
 * The folders with a `package.json` above the main file, nearest first; where there is none, the folder of the main file.
 * The working folder takes its place where there is no main file: in a REPL, with `--eval`. Otherwise it is not looked at,
 * because a program may be started in a folder of somebody else's, and what is loaded from there runs.
 *
 * @param isShared - whether everybody may put files into a folder; such a folder is nobody's project
 */
export function findProjects(
  place: LookupPlace,
  exists: (path: string) => boolean = isFile,
  isShared: (folder: string) => boolean = isSharedFolder,
): string[] {
  const path = pathOf(place);
  const start =
    place.mainFile === undefined ? place.cwd : path.dirname(path.resolve(place.cwd, place.mainFile));
  const folders = [start];
  for (let folder = start; path.dirname(folder) !== folder;) folders.push((folder = path.dirname(folder)));
  const found = folders.filter((folder) => exists(path.join(folder, 'package.json')));
  return (found.length === 0 ? [start] : found).filter((folder) => !isShared(folder));
}

/** Like `/tmp`: everybody may add files, and nobody may replace those of others. */
const SHARED_MODE = 0o1002;

function isSharedFolder(folder: string): boolean {
  try {
    return (statSync(folder).mode & SHARED_MODE) === SHARED_MODE;
  } catch {
    return false;
  }
}

function pathOf({ platform }: LookupPlace): typeof posix {
  return platform === 'win32' ? win32 : posix;
}

function isLibraryFile(name: string): boolean {
  return /\.(?:dll|dylib|so(?:\.\d+)*)$/i.test(name);
}

/** The names that the file of a library may have, the platform's usual one first. */
function fileNames(library: string, place: LookupPlace): string[] {
  const name = library.slice(Math.max(library.lastIndexOf('/'), library.lastIndexOf('\\')) + 1);
  if (isLibraryFile(name)) return [name];
  if (place.platform === 'win32') return [`${name}.dll`, `lib${name}.dll`];
  const extension = place.platform === 'darwin' ? 'dylib' : 'so';
  return [`lib${name}.${extension}`, `${name}.${extension}`];
}

function splitSearchPath(place: LookupPlace): string[] {
  const path = pathOf(place);
  const entries = (place.searchPath ?? '').split(path.delimiter).filter((entry) => entry !== '');
  return entries.map((entry) => path.resolve(place.cwd, entry));
}

/** An entry that is named like a library is one; anything else is a folder. */
function fileOrFolder(entry: string, files: readonly string[], place: LookupPlace): string[] {
  return isLibraryFile(entry) ? [entry] : files.map((file) => pathOf(place).join(entry, file));
}

function optionPlaces(option: string | URL, projects: readonly string[], place: LookupPlace): string[] {
  if (option instanceof URL) return [fileURLToPath(option, { windows: place.platform === 'win32' })];
  const path = pathOf(place);
  return path.isAbsolute(option)
    ? [path.normalize(option)]
    : projects.map((project) => path.join(project, option));
}

function buildFolders(project: string, place: LookupPlace): string[] {
  const build = pathOf(place).join(project, 'native', 'build');
  return [pathOf(place).join(build, `${place.platform}-${place.arch}`), build];
}

/** `some-package/lib/sum`: the file in that folder of the package, or in the package's own `native/build`. */
function packagePlaces(
  library: string,
  files: readonly string[],
  projects: readonly string[],
  place: LookupPlace,
): string[] {
  const path = pathOf(place);
  const [, packageName = '', inside = ''] = /^((?:@[^/\\]+[/\\])?[^/\\]+)[/\\](.*)$/.exec(library) ?? [];
  return projects.flatMap((project) => {
    const root = path.join(project, 'node_modules', packageName);
    const folders = [path.join(root, path.dirname(inside)), ...buildFolders(root, place)];
    return folders.flatMap((folder) => files.map((file) => path.join(folder, file)));
  });
}
