import { spawn, type ChildProcess } from 'node:child_process';
import { describeThrown } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { ProcessWatch } from './cluster-launcher.js';

/**
 * Reads `+ pid` and `- pid` lines; `q` ends it. At the end of its input the orchestrator is gone: it lists what its
 * processes and their descendants are, waits, and kills those that are left. A process is known by id and start
 * time, so that a reused id is never killed (without /proc by id alone).
 *
 * A process names itself, with any characters: in /proc/PID/stat everything up to the last parenthesis is left out, line
 * breaks included, nothing is expanded (`set -f`), and what is not a number is passed over.
 */
const GUARD_SCRIPT = `
set -f
trap '' INT TERM HUP
{ echo tutti-guard > /proc/$$/comm; } 2>/dev/null
known=''
while read -r sign pid; do
  case $pid in *[!0-9]*|0|1) continue ;; esac
  case $sign in
    +) known="$known $pid" ;;
    -) rest=''; for p in $known; do [ "$p" = "$pid" ] || rest="$rest $p"; done; known=$rest ;;
    q) exit 0 ;;
  esac
done
row() {
  case "$1$2$3" in *[!0-9]*) return ;; esac
  [ -n "$1" ] && [ -n "$2" ] && [ -n "$3" ] && [ "$1" -gt 1 ] && echo "$1 $2 $3"
}
fields() {
  row "$1" "$3" "\${21}"
}
table() {
  if [ -r /proc/self/stat ]; then
    set +f
    set -- /proc/[0-9]*
    set -f
    for folder in "$@"; do
      text=''
      { while read -r line || [ -n "$line" ]; do text="$text $line"; done < "$folder/stat"; } 2>/dev/null || continue
      case $text in *')'*) fields "\${folder#/proc/}" \${text##*)} ;; esac
    done
  else
    ps -A -o pid=,ppid= | while read -r p parent; do row "$p" "$parent" 0; done
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

/** Without a shell there is none for discovery, and none for the application: that is one line in the log. */
let hasWarned = false;

/**
 * One small shell for the whole application that kills whatever worker processes are left when the orchestrator was
 * killed and could not do it itself, blocked and stopped ones and their descendants included. POSIX only; elsewhere
 * {@link OrphanGuard.start} does nothing.
 */
export class OrphanGuard implements ProcessWatch {
  readonly #logger: Logger;
  readonly #application: string;
  #shell: ChildProcess | undefined;

  /** @param application - what it guards, for people who read a list of processes */
  constructor(logger: Logger, application: string) {
    this.#logger = logger;
    this.#application = application;
  }

  /** @param graceMs - how long the processes may take to finish by themselves */
  start(graceMs: number): void {
    if (process.platform === 'win32') return;
    // The system itself ends every process of a container with its first one.
    if (process.pid === 1) return;
    const seconds = String(Math.ceil(graceMs / 1_000));
    const shell = spawn(
      '/bin/sh',
      // The script is not an argument, so that a list of processes stays readable.
      ['-c', 'eval "$TUTTI_GUARD"', `tutti orphan guard of ${this.#application}`, seconds],
      {
        // A group of its own: Ctrl-C and a signal to the group must not reach it.
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', TUTTI_GUARD: GUARD_SCRIPT },
        cwd: '/',
      },
    );
    shell.once('error', (error) => {
      if (hasWarned) return;
      hasWarned = true;
      this.#logger.warn('no orphan guard: worker processes that hang may survive if this process is killed', {
        error: describeThrown(error),
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
