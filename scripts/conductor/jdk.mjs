// Finds a Java that is new enough, wherever this kind of system keeps its JDKs.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/**
 * The feature release of a Java version: 21 for `21.0.4`, `21-ea` and `21`, 8 for `1.8.0_392`.
 *
 * @param {string} version
 * @returns {number | undefined}
 */
export function majorOf(version) {
  const match = /^(?:1\.)?(\d+)(?=$|[.\-+_])/.exec(version.trim());
  return match ? Number(match[1]) : undefined;
}

/**
 * The version in the text of a JDK's `release` file.
 *
 * @param {string} text
 * @returns {string | undefined}
 */
export function versionInReleaseFile(text) {
  return /^JAVA_VERSION="?([^"\r\n]+)"?/m.exec(text)?.[1];
}

/**
 * The version in what `java -version` prints.
 *
 * @param {string} text
 * @returns {string | undefined}
 */
export function versionInOutput(text) {
  return /\bversion "([^"]+)"/.exec(text)?.[1];
}

/**
 * The first candidate that is new enough. Candidates from the environment come first, in their order; among the
 * installed ones the newest wins.
 *
 * @param {readonly { home: string, version: string | undefined, isInstalled: boolean }[]} candidates
 * @param {number} minimum
 */
export function chooseJdk(candidates, minimum) {
  const usable = candidates
    .map((candidate) => ({ ...candidate, major: majorOf(candidate.version ?? '') ?? 0 }))
    .filter((candidate) => candidate.major >= minimum);
  const preferred = usable.find((candidate) => !candidate.isInstalled);
  if (preferred !== undefined) return preferred;
  return usable.toSorted((a, b) => b.major - a.major)[0];
}

/**
 * The folders to look at: `JAVA_HOME`, the home of every `java` on the path, then all installed JDKs.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ home: string, isInstalled: boolean }[]}
 */
export function jdkFolders(env = process.env) {
  const given = env.JAVA_HOME ? [env.JAVA_HOME] : [];
  const onPath = (env.PATH ?? env.Path ?? '')
    .split(delimiter)
    .map((folder) => join(folder, javaName))
    .filter((file) => existsSync(file))
    .map((file) => dirname(dirname(realpathSync(file))));
  const installed = installFolders(env).flatMap(({ root, below }) =>
    listFolder(root).map((name) => join(root, name, below)),
  );
  return [
    ...[...given, ...onPath].map((home) => ({ home, isInstalled: false })),
    ...installed.map((home) => ({ home, isInstalled: true })),
  ].filter(({ home }) => existsSync(javaIn(home)));
}

/**
 * A Java of at least this feature release, or what was looked at instead.
 *
 * @param {number} minimum
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ java: string, version: string } | { seen: string[] }}
 */
export function findJdk(minimum, env = process.env) {
  const candidates = jdkFolders(env).map((folder) => ({ ...folder, version: versionOf(folder.home) }));
  const chosen = chooseJdk(candidates, minimum);
  if (chosen === undefined) {
    return { seen: candidates.map(({ home, version }) => `${home} (${version ?? 'unknown version'})`) };
  }
  return { java: javaIn(chosen.home), version: chosen.version ?? '' };
}

const javaName = process.platform === 'win32' ? 'java.exe' : 'java';

/** @param {string} home */
function javaIn(home) {
  return join(home, 'bin', javaName);
}

/** @param {string} home */
function versionOf(home) {
  const releaseFile = join(home, 'release');
  const written = existsSync(releaseFile)
    ? versionInReleaseFile(readFileSync(releaseFile, 'utf8'))
    : undefined;
  return written ?? askJava(javaIn(home));
}

/** @param {string} java */
function askJava(java) {
  try {
    // `-version` writes to standard error, `--version` (Java 9 and later) to standard output.
    const output = execFileSync(java, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    });
    return versionInOutput(output) ?? /\d+(?:\.\d+)*/.exec(output)?.[0];
  } catch {
    return undefined;
  }
}

/** @param {NodeJS.ProcessEnv} env */
function installFolders(env) {
  const home = homedir();
  const anywhere = [
    { root: join(home, '.sdkman', 'candidates', 'java'), below: '' },
    { root: join(home, '.jdks'), below: '' },
  ];
  if (process.platform === 'darwin') {
    const below = join('Contents', 'Home');
    return [
      { root: '/Library/Java/JavaVirtualMachines', below },
      { root: join(home, 'Library/Java/JavaVirtualMachines'), below },
      ...anywhere,
    ];
  }
  if (process.platform === 'win32') {
    const programs = env.ProgramFiles ?? String.raw`C:\Program Files`;
    const vendors = [
      'Java',
      'Eclipse Adoptium',
      'Microsoft',
      'Amazon Corretto',
      'Zulu',
      'BellSoft',
      'OpenJDK',
    ];
    return [...vendors.map((vendor) => ({ root: join(programs, vendor), below: '' })), ...anywhere];
  }
  return [...['/usr/lib/jvm', '/usr/java', '/opt/java'].map((root) => ({ root, below: '' })), ...anywhere];
}

/** @param {string} folder */
function listFolder(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
