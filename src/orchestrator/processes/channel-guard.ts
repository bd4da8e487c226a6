import type { ChildProcess } from 'node:child_process';

/** Nothing of ours is near it, and a message of this size is read in about a tenth of a second. */
export const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

const LINE_BREAK = 10;

/** The pipe behind the channel of a child process, as Node.js uses it. */
interface ChannelHandle {
  onread: (this: ChannelHandle, chunk: ArrayBuffer | undefined) => unknown;
}

/**
 * Watches over the bytes that come from a process. Node.js keeps what has no line break in memory without a limit, parses a
 * message of any length in one go, and ends the reading process when a line is not JSON. Here the first of these makes
 * the channel unreadable: what comes after it is dropped, and the listener is called once.
 *
 * @returns false where this version of Node.js keeps its pipe elsewhere; then nothing is watched
 */
export function guardChannel(
  child: ChildProcess,
  onUnreadable: (problem: string) => void,
  maxBytes: number = MAX_MESSAGE_BYTES,
): boolean {
  const handle = channelHandleOf(child);
  if (handle === undefined) return false;
  const readChunk = handle.onread;
  let unfinishedBytes = 0;
  let isReadable = true;
  const giveUp = (problem: string): void => {
    isReadable = false;
    onUnreadable(problem);
  };
  handle.onread = function (chunk) {
    // The end of the channel is noticed in any case.
    if (chunk === undefined) return readChunk.call(this, chunk);
    if (!isReadable) return undefined;
    const bytes = new Uint8Array(chunk);
    const lastBreak = bytes.lastIndexOf(LINE_BREAK);
    const firstLine = lastBreak < 0 ? bytes.length : bytes.indexOf(LINE_BREAK);
    if (unfinishedBytes + firstLine > maxBytes) {
      return giveUp(`it sent a message of more than ${maxBytes / 2 ** 20} MB over its channel`);
    }
    unfinishedBytes = lastBreak < 0 ? unfinishedBytes + bytes.length : bytes.length - lastBreak - 1;
    try {
      // Listeners are called later: what is thrown here comes from reading.
      return readChunk.call(this, chunk);
    } catch {
      return giveUp('it wrote something to its channel that is not JSON');
    }
  };
  return true;
}

function channelHandleOf(child: ChildProcess): ChannelHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(child).find(
    ({ description }) => description === 'kChannelHandle',
  );
  if (symbol === undefined) return undefined;
  const handle = (child as unknown as Readonly<Record<symbol, unknown>>)[symbol];
  const isKnown =
    typeof handle === 'object' &&
    handle !== null &&
    typeof (handle as Partial<ChannelHandle>).onread === 'function';
  return isKnown ? (handle as ChannelHandle) : undefined;
}
