import type { NativeBackend, NativeHandle } from '../backend/backend.js';

/** A library that this process has opened, for all who use it. */
export interface SharedHandle {
  readonly native: NativeHandle;
  /** Gives the library back to the system when nobody else uses it. */
  release(): void;
}

interface Entry {
  readonly native: NativeHandle;
  users: number;
}

const opened = new WeakMap<NativeBackend, Map<string, Entry>>();

/**
 * One handle per process and file, however many instances use it.
 *
 * @param isKept - it stays open for good: instances come and go with each task, and opening takes longer than most calls
 * @throws what the backend throws
 */
export function acquireHandle(backend: NativeBackend, file: string, isKept: boolean): SharedHandle {
  const entries = opened.get(backend) ?? new Map<string, Entry>();
  opened.set(backend, entries);
  const entry = entries.get(file) ?? { native: backend.open(file), users: 0 };
  entries.set(file, entry);
  entry.users += isKept && entry.users === 0 ? 2 : 1;
  let isReleased = false;
  return {
    native: entry.native,
    release: () => {
      if (isReleased) return;
      isReleased = true;
      entry.users--;
      if (entry.users > 0) return;
      entries.delete(file);
      entry.native.close();
    },
  };
}
