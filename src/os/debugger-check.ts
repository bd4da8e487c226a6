import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { get } from 'node:http';

/** The inspector answers from a thread of its own, also while the program is held. */
const ANSWER_WITHIN_MS = 1_000;
/** What it answers has about 100 bytes; a service of the program on another port may answer without end. */
const MAX_ANSWER_BYTES = 4_096;
/** A process that listens on more ports is asked on the first ones only. */
const MAX_PORTS = 32;
/** `TCP_LISTEN` in /proc/net/tcp. */
const LISTENING = '0A';

/** Whether a debugger such as gdb holds the process. */
export function isTraced(pid: number): boolean {
  return isTracedBy(read(`/proc/${pid}/status`));
}

/** @param status - the text of /proc/PID/status */
export function isTracedBy(status: string): boolean {
  return /^TracerPid:\s+[1-9]/m.test(status);
}

/**
 * Whether the inspector of Node.js is open in the process. The process tells it with its beats; but one that was held
 * right after the inspector was opened cannot tell any more.
 */
export async function hasInspector(pid: number): Promise<boolean> {
  const answers = await Promise.all(listeningPorts(pid).slice(0, MAX_PORTS).map(isInspector));
  return answers.includes(true);
}

function listeningPorts(pid: number): number[] {
  const sockets = socketsOf(pid);
  if (sockets.size === 0) return [];
  return ['tcp', 'tcp6'].flatMap((table) => portsIn(read(`/proc/${pid}/net/${table}`), sockets));
}

/**
 * The ports on which sockets with these inodes listen.
 *
 * @param table - the text of /proc/net/tcp or tcp6
 */
export function portsIn(table: string, inodes: ReadonlySet<string>): number[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const port = /^[\dA-F]+:([\dA-F]{4})$/.exec(local)?.[1];
      if (port === undefined || state !== LISTENING || !inodes.has(inode)) return [];
      return [Number.parseInt(port, 16)];
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

/** Whether the inspector of Node.js answers on this port, soon and in few words. */
export function isInspector(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    // For the whole answer: `timeout` of a request is only about silence.
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const request = get({ host: '127.0.0.1', port, path: '/json/version', signal }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.length > MAX_ANSWER_BYTES) request.destroy();
      });
      response.on('error', () => resolve(false));
      response.on('close', () => resolve(response.complete && isInspectorAnswer(text)));
    });
    request.on('error', () => resolve(false));
  });
}

/** @param text - the answer to /json/version */
export function isInspectorAnswer(text: string): boolean {
  try {
    const answer = JSON.parse(text) as { 'Protocol-Version'?: unknown } | null;
    return typeof answer?.['Protocol-Version'] === 'string';
  } catch {
    return false;
  }
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
