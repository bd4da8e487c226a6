import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { AppProcess } from './app-process.js';
import { processTable } from './processes.js';

/** The user of an image: has no home and no entry in the list of users. */
export const IMAGE_USER = 12_345;

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Builds the file system of an image with Node.js and nothing else, read-only but for a volume, and runs its arguments in
 * it as process 1. No shell, no /etc, no home.
 */
const SCRIPT = `
root=$1 repository=$2 volume=$3 user=$4; shift 4
mount -t tmpfs none "$root"
for folder in /lib /lib64 /usr/lib /usr/lib64; do
  if [ -L $folder ]; then cp -P $folder "$root$folder"
  elif [ -d $folder ]; then mkdir -p "$root$folder"; mount --rbind $folder "$root$folder"
  fi
done
mkdir -p "$root$(dirname "$1")" "$root$repository" "$root/volume" "$root/proc" "$root/tmp" "$root/dev"
touch "$root$1" "$root/dev/null" "$root/dev/urandom"
mount --bind "$(readlink -f "$1")" "$root$1"
mount --bind "$repository" "$root$repository"
mount -o remount,bind,ro "$root$repository"
for device in null urandom; do mount --bind /dev/$device "$root/dev/$device"; done
mount -t proc proc "$root/proc"
[ -z "$volume" ] || mount --bind "$volume" "$root/volume"
mount -o remount,ro "$root"
exec chroot --userspec=$user:$user "$root" "$@"
`;

const NAMESPACES = ['unshare', '--mount', '--pid', '--fork', '--kill-child'];
/** Only a file system of its own: the program is one process among those of the machine. */
export const MOUNTS_ONLY = ['unshare', '--mount'];

/** Namespaces need root, and a system that gives them. */
export const canContain =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  spawnSync(NAMESPACES[0]!, [...NAMESPACES.slice(1), 'true']).status === 0;

if (!canContain) {
  console.warn('NOT RUN: only root on Linux can make namespaces, tests in an imitated container are skipped');
}

/**
 * Imitates a container by namespaces: process 1, another user without a home, a read-only root, no shell. The network is
 * that of the machine.
 *
 * @param namespaces - the command that makes them; {@link MOUNTS_ONLY} for a program that is not process 1
 * @returns for `AppOptions.within`; `volume` is a folder that can be written, at `/volume`
 */
export function containers(
  namespaces: readonly string[] = NAMESPACES,
): (volume?: string) => readonly string[] {
  const roots: string[] = [];
  afterAll(() => roots.forEach((root) => rmSync(root, { recursive: true, force: true })));
  return (volume = '') => {
    const root = mkdtempSync(join(tmpdir(), 'tutti-container-'));
    roots.push(root);
    return [...namespaces, '/bin/sh', '-ec', SCRIPT, 'sh', root, REPOSITORY, volume, String(IMAGE_USER)];
  };
}

/** Process 1 of the container, as the machine sees it. */
export function firstProcess(app: AppProcess): number {
  const first = processTable().find(({ parent }) => parent === app.pid);
  if (first === undefined) throw new Error('the container has ended');
  return first.pid;
}
