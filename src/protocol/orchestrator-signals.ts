/** Ask for a stop; a second one for an end at once. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Asks for a stop when nodemon restarts the program. Windows has no such signal. */
export const RESTART_SIGNAL = 'SIGUSR2';
/** Asks for the status, as in a JVM. Windows has no such signal. */
export const STATUS_SIGNAL = 'SIGQUIT';
/** Also reach the worker processes, through their group or one by one. What they mean is for the orchestrator to decide. */
export const ORCHESTRATOR_SIGNALS: readonly NodeJS.Signals[] = [
  ...STOP_SIGNALS,
  ...(process.platform === 'win32' ? [] : ([RESTART_SIGNAL, STATUS_SIGNAL] as const)),
];
