import type { OrchestratorMessage, WorkerMessage } from '../../src/protocol/messages.js';
import { OrchestratorChannel } from '../../src/host/orchestrator-channel.js';
import { ChannelReporter } from '../../src/host/channel-reporter.js';
import type { ProcessEnd } from '../../src/orchestrator/ledger/process-death.js';
import { ProcessLauncher, type LaunchedProcess } from '../../src/orchestrator/processes/process-launcher.js';
import type { ProcessMarker } from '../../src/protocol/process-marker.js';

/** Above every id that a system gives. */
const FIRST_PID = 90_000_001;

/** A worker process that does what the test says. */
export class FakeProcess implements LaunchedProcess {
  readonly received: OrchestratorMessage[] = [];
  /** What its workers would tell of their tasks. */
  readonly reporter = new ChannelReporter(new FakeChannel((message) => this.say(message)));
  wasKilled = false;
  #onMessage: (received: object) => void = () => undefined;
  #onUnreadable: (problem: string) => void = () => undefined;
  #onEnd: (end: ProcessEnd) => void = () => undefined;

  constructor(
    readonly pid: number,
    readonly marker: ProcessMarker,
    readonly behaviour: Behaviour,
  ) {}

  send(message: OrchestratorMessage): void {
    this.received.push(message);
    if (message.type === 'stop' && this.behaviour.obeysStop) queueMicrotask(() => this.leave());
  }

  onMessage(listener: (received: object) => void): void {
    this.#onMessage = listener;
  }

  onUnreadable(listener: (problem: string) => void): void {
    this.#onUnreadable = listener;
  }

  /** Nothing more can be read from its channel. */
  breakChannel(problem: string): void {
    this.#onUnreadable(problem);
  }

  onEnd(listener: (end: ProcessEnd) => void): void {
    this.#onEnd = listener;
  }

  kill(): void {
    this.wasKilled = true;
    queueMicrotask(() => this.end({ signal: 'SIGKILL' }));
  }

  say(message: WorkerMessage): void {
    this.sayAnything(message);
  }

  /** Whatever it is, as it arrives. */
  sayAnything(message: object): void {
    this.#onMessage(JSON.parse(JSON.stringify(message)) as object);
  }

  sayReady(): void {
    const workers = this.marker.workers.map((key) => ({
      key,
      taskType: key.split(':')[0]!,
      workerId: `host-${this.pid}-${this.marker.incarnation}`,
      pollInterval: 100,
    }));
    this.say({ type: 'ready', workers, isDebugged: false });
  }

  sayFailed(message: string, code?: string): void {
    this.say({ type: 'failed', error: { name: 'Error', message, stack: `Error: ${message}`, code } });
  }

  /** Says that it is done, and ends with code 0. */
  leave(): void {
    this.say({ type: 'stopped', hasDroppedPoll: false });
    this.end({ code: 0 });
  }

  end(end: Partial<ProcessEnd>): void {
    const onEnd = this.#onEnd;
    this.#onEnd = () => undefined;
    onEnd({ code: null, signal: null, stderrTail: '', ...end });
  }

  /** The types of the messages that it got. */
  get orders(): string[] {
    return this.received.map((message) => message.type);
  }
}

export interface Behaviour {
  /** Says that it is ready right after its start. */
  getsReady: boolean;
  obeysStop: boolean;
}

/** Starts nothing: keeps what was to be started. */
export class FakeLauncher extends ProcessLauncher {
  readonly launched: FakeProcess[] = [];
  /** How processes behave from now on. */
  behaviour: Behaviour = { getsReady: true, obeysStop: true };
  /** Thrown in place of the next starts. */
  failure: Error | undefined;

  override launch(marker: ProcessMarker): FakeProcess {
    if (this.failure !== undefined) throw this.failure;
    const process = new FakeProcess(FIRST_PID + this.launched.length, marker, { ...this.behaviour });
    this.launched.push(process);
    if (process.behaviour.getsReady) queueMicrotask(() => process.sayReady());
    return process;
  }

  get last(): FakeProcess {
    return this.launched.at(-1)!;
  }

  /** The newest process of a replica. */
  of(replica: string): FakeProcess {
    return this.launched.filter((process) => process.marker.replica === replica).at(-1)!;
  }
}

class FakeChannel extends OrchestratorChannel {
  readonly #say: (message: WorkerMessage) => void;
  constructor(say: (message: WorkerMessage) => void) {
    super();
    this.#say = say;
  }
  override send(message: WorkerMessage): boolean {
    this.#say(message);
    return true;
  }
  override written(message: WorkerMessage): Promise<void> {
    this.send(message);
    return Promise.resolve();
  }
}
