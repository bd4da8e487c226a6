// What the programs under test share: their options, the work, and how they talk to the bench.

/** The bench passes one JSON argument; worker processes of a cluster inherit it. */
export function options() {
  return JSON.parse(process.argv[2]);
}

export function report(event) {
  process.stdout.write(`\nBENCH ${JSON.stringify(event)}\n`);
}

/** Ends the program when the bench does, however that ended: the bench holds the other end of the standard input. */
export function endWithParent() {
  process.stdin.once('end', () => process.exit(1)).resume();
}

export const noop = () => ({ ok: true });

export function busyFor(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return { ok: true };
}
