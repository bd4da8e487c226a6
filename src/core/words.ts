/** A number with its noun: `1 death`, `2 deaths`. For nouns whose plural ends in s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The same for what has happened again and again: `1 death`, `2 deaths in a row`. */
export function countedInARow(count: number, noun: string): string {
  return `${counted(count, noun)}${count === 1 ? '' : ' in a row'}`;
}
