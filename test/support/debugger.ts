import { WebSocket } from 'undici';

/** Speaks the inspector protocol with a process, as a debugger does. */
export class Debugger {
  /** Resolves when the process is held. */
  readonly paused: Promise<void>;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, () => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    let isPaused!: () => void;
    this.paused = new Promise((resolve) => (isPaused = resolve));
    socket.addEventListener('message', ({ data }) => {
      const { id, method } = JSON.parse(String(data)) as { id?: number; method?: string };
      if (method === 'Debugger.paused') isPaused();
      if (id !== undefined) this.#answers.get(id)?.();
    });
  }

  static async connect(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error(`cannot connect to ${url}`)));
    });
    return new Debugger(socket);
  }

  async call(method: string): Promise<void> {
    const id = ++this.#id;
    const answered = new Promise<void>((resolve) => this.#answers.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method }));
    await answered;
  }

  close(): void {
    this.#socket.close();
  }
}
