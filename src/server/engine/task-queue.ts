import { Heap } from '../../core/heap.js';

/** One message of a queue: a task that waits for a worker. */
export interface QueueMessage {
  readonly taskId: string;
  /** 0 to 99, higher first. */
  readonly priority: number;
  /** Not handed out before this time, epoch milliseconds. */
  readonly deliverAt: number;
}

interface Entry extends QueueMessage {
  readonly created: number;
  isGone: boolean;
}

/**
 * The tasks of one type (and domain) that wait for a worker. Order among those that are due: higher priority,
 * then earlier delivery time, then earlier creation.
 */
export class TaskQueue {
  readonly #entries = new Map<string, Entry>();
  readonly #due = new Heap<Entry>(
    (a, b) => b.priority - a.priority || a.deliverAt - b.deliverAt || a.created - b.created,
  );
  readonly #delayed = new Heap<Entry>((a, b) => a.deliverAt - b.deliverAt || a.created - b.created);
  #created = 0;

  /** Messages that wait, those that are not yet due included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds a message. One of the same task that is still here is replaced. */
  push(message: QueueMessage): void {
    this.remove(message.taskId);
    const entry: Entry = { ...message, created: this.#created++, isGone: false };
    this.#entries.set(entry.taskId, entry);
    this.#delayed.push(entry);
  }

  remove(taskId: string): boolean {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return false;
    entry.isGone = true;
    this.#entries.delete(taskId);
    return true;
  }

  /**
   * Takes up to `count` messages that are due. Which ones is a matter of priority; among themselves they come in the
   * order of their creation, as the real server's do.
   */
  pop(count: number, now: number): QueueMessage[] {
    this.#promote(now);
    const taken: Entry[] = [];
    while (taken.length < count) {
      const entry = this.#due.pop();
      if (entry === undefined) break;
      if (entry.isGone) continue;
      this.#entries.delete(entry.taskId);
      taken.push(entry);
    }
    return taken.sort((a, b) => a.created - b.created);
  }

  /** When the next message is due: at most `now` if one is, `undefined` for an empty queue. */
  nextDeliverAt(now: number): number | undefined {
    this.#promote(now);
    dropGone(this.#due);
    const due = this.#due.peek();
    return due === undefined ? this.#delayed.peek()?.deliverAt : due.deliverAt;
  }

  #promote(now: number): void {
    for (;;) {
      dropGone(this.#delayed);
      const entry = this.#delayed.peek();
      if (entry === undefined || entry.deliverAt > now) return;
      this.#delayed.pop();
      this.#due.push(entry);
    }
  }
}

// Removed entries stay in the heaps until they come to the top: taking one out of the middle would be a scan.
function dropGone(heap: Heap<Entry>): void {
  while (heap.peek()?.isGone === true) heap.pop();
}
