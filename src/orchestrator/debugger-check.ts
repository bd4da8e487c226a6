import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { get } from 'node:http';

/** The inspector answers from a thread of its own, also while the program is held. */
const ANSWER_WITHIN_MS = 1_000;
/** `TCP_LISTEN` in /proc/net/tcp. */
const LISTENING = '0A';

/** Whether a debugger such as gdb holds the process. */
export function isTraced(pid: number): boolean {
  return /^TracerPid:\s+[1-9]/m.test(read(`/proc/${pid}/status`));
}

/**
 * Whether the inspector of Node.js is open in the process. The process tells it with its beats; but one that was held
 * right after the inspector was opened cannot tell any more.
 */
export async function hasInspector(pid: number): Promise<boolean> {
  for (const port of listeningPorts(pid)) if (await isInspector(port)) return true;
  return false;
}

function listeningPorts(pid: number): number[] {
  const sockets = socketsOf(pid);
  if (sockets.size === 0) return [];
  const lines = ['tcp', 'tcp6'].flatMap((table) => read(`/proc/${pid}/net/${table}`).split('\n').slice(1));
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state !== LISTENING || !sockets.has(inode)) return [];
    return [Number.parseInt(local.split(':')[1] ?? '', 16)];
  });
}

/** The inodes of its sockets. */
function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  } catch {
    // Gone, or not ours to look at.
  }
  return inodes;
}

function isInspector(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/json/version', timeout: ANSWER_WITHIN_MS },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', () => resolve(false));
        response.on('end', () => resolve(text.includes('Protocol-Version')));
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
