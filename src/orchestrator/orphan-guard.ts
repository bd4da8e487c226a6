import { spawn, type ChildProcess } from 'node:child_process';
import type { Logger } from '../core/logger.js';
import type { ProcessWatch } from './cluster-launcher.js';

/**
 * Reads `+ pid` and `- pid` lines; `q` ends it. At the end of its input the orchestrator is gone: it lists what its
 * processes and their descendants are, waits, and kills those that are left. A process is known by id and start
 * time, so that a reused id is never killed (without /proc by id alone).
 */
const GUARD_SCRIPT = `
trap '' INT TERM HUP QUIT USR1 USR2
known=''
while read -r sign pid; do
  case $sign in
    +) known="$known $pid" ;;
    -) rest=''; for p in $known; do [ "$p" = "$pid" ] || rest="$rest $p"; done; known=$rest ;;
    q) exit 0 ;;
  esac
done
table() {
  if [ -r /proc/self/stat ]; then
    for f in /proc/[0-9]*/stat; do
      { read -r line < "$f"; } 2>/dev/null || continue
      p=\${line%% *}
      set -- \${line##*) }
      echo "$p $2 \${20}"
    done
  else
    ps -A -o pid=,ppid= | while read -r p parent; do echo "$p $parent 0"; done
  fi
}
victims=''
collect() {
  rows=$(table)
  family=$known
  grown=1
  while [ $grown = 1 ]; do
    grown=0
    while read -r p parent start; do
      case " $family " in *" $p "*) continue ;; esac
      case " $family " in *" $parent "*) family="$family $p"; grown=1 ;; esac
    done <<ROWS
$rows
ROWS
  done
  alive=''
  while read -r p parent start; do
    case " $family " in *" $p "*) 
      case " $victims " in *" $p:$start "*) ;; *) victims="$victims $p:$start" ;; esac ;;
    esac
    case " $victims " in *" $p:$start "*) alive="$alive $p" ;; esac
  done <<ROWS
$rows
ROWS
}
left=$1
collect
while [ "$left" -gt 0 ] && [ -n "$alive" ]; do
  sleep 1
  left=$((left - 1))
  collect
done
[ -z "$alive" ] || kill -9 $alive 2>/dev/null
exit 0
`;

/**
 * One small shell for the whole application that kills whatever worker processes are left when the orchestrator was
 * killed and could not do it itself, blocked and stopped ones and their descendants included. POSIX only; elsewhere
 * {@link OrphanGuard.start} does nothing.
 */
export class OrphanGuard implements ProcessWatch {
  readonly #logger: Logger;
  #shell: ChildProcess | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param graceMs - how long the processes may take to finish by themselves */
  start(graceMs: number): void {
    if (process.platform === 'win32') return;
    const shell = spawn(
      '/bin/sh',
      ['-c', GUARD_SCRIPT, 'tutti-orphan-guard', String(Math.ceil(graceMs / 1_000))],
      {
        // A group of its own: Ctrl-C and a signal to the group must not reach it.
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
        cwd: '/',
      },
    );
    shell.on('error', (error) => {
      this.#logger.warn('no orphan guard: worker processes that hang may survive if this process is killed', {
        error,
      });
    });
    shell.stdin.on('error', () => undefined);
    shell.unref();
    (shell.stdin as unknown as { unref(): void }).unref();
    this.#shell = shell;
  }

  add(pid: number): void {
    this.#write(`+ ${pid}\n`);
  }

  remove(pid: number): void {
    this.#write(`- ${pid}\n`);
  }

  stop(): void {
    this.#write('q\n');
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }

  #write(line: string): void {
    if (this.#shell?.stdin?.writable === true) this.#shell.stdin.write(line);
  }
}
