import { dirname, join } from 'node:path';
import { describeThrown } from '../../core/errors.js';
import type { NativeBackend } from '../backend/backend.js';
import { isFile, type LookupPlace } from './library-lookup.js';
import { formatOf, inspectLibrary, type LibraryFile } from './library-file.js';

/** Why a library that is there cannot be loaded. */
export interface LoadDiagnosis {
  readonly reason:
    'not-a-library' | 'wrong-platform' | 'wrong-architecture' | 'missing-dependency' | 'refused';
  /** A sentence that follows the path of the file. */
  readonly text: string;
}

/** Looks into a file that `backend` has refused to load. */
export function diagnoseLoad(file: string, backend: NativeBackend, place: LookupPlace): LoadDiagnosis {
  let library;
  try {
    library = inspectLibrary(file);
  } catch (error) {
    return { reason: 'refused', text: `cannot be read: ${describeThrown(error)}` };
  }
  const { platform, arch } = place;
  const wanted = formatOf(platform);
  const { format, architectures } = library;
  if (format === 'linker script') {
    return {
      reason: 'not-a-library',
      text: 'is a text for the linker that names other files, not a shared library; name the real one (libx.so.1)',
    };
  }
  const isNothing = {
    empty: 'an empty file',
    'cut off': 'cut off',
    unknown: 'no ELF, Mach-O or PE file',
  } as const;
  if (format === 'empty' || format === 'cut off' || format === 'unknown') {
    return { reason: 'not-a-library', text: `is ${isNothing[format]}, not a shared library` };
  }
  if (format !== wanted) {
    return {
      reason: 'wrong-platform',
      text: `is a ${format} file, for another system: ${platform} loads ${wanted} files`,
    };
  }
  if (architectures.length > 0 && !architectures.includes(arch)) {
    const text = `is for ${architectures.join(' and ')}, and this Node.js runs on ${arch}; build it here, or for ${arch}`;
    return { reason: 'wrong-architecture', text };
  }
  const missing = missingDependencies(file, library, backend);
  if (missing.length > 0) {
    const list = missing.map((name) => `"${name}"`).join(', ');
    return {
      reason: 'missing-dependency',
      text: `needs ${list}, which the loader does not find: install ${missing.length === 1 ? 'it' : 'them'}, or name the folder in LD_LIBRARY_PATH (\`ldd ${file}\` shows all)`,
    };
  }
  return { reason: 'refused', text: 'is refused by the loader of the system' };
}

/** Each library that it needs is looked for as the loader does: in the folders that it names, then by the loader itself. */
function missingDependencies(
  file: string,
  { needed, searchFolders }: LibraryFile,
  backend: NativeBackend,
): string[] {
  const folder = dirname(file);
  const folders = searchFolders.map((entry) => entry.replaceAll(/\$\{?ORIGIN\}?/g, folder));
  return needed.filter((name) => {
    if (folders.some((candidate) => isFile(join(candidate, name)))) return false;
    try {
      backend.open(name).close();
      return false;
    } catch {
      return true;
    }
  });
}
