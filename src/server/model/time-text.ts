const DURATION =
  /^\s*(?:(\d+)\s*(?:days?|d))?\s*(?:(\d+)\s*(?:hours?|hrs?|h))?\s*(?:(\d+)\s*(?:minutes?|mins?|m))?\s*(?:(\d+)\s*(?:seconds?|secs?|s))?\s*$/i;
const DATE = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2})(?: (\S+))?)?$/;

/**
 * The milliseconds of a WAIT task's duration, such as `2 days 3h 5m 10s`, in that order.
 * Source: conductor 3.32, `DateTimeUtils.parseDuration`.
 *
 * @returns `undefined` when it is not a duration
 */
export function parseDuration(text: string): number | undefined {
  const parts = DURATION.exec(text);
  if (parts === null) return undefined;
  const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  return (((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1000;
}

/**
 * The moment of a WAIT task's `until`, epoch milliseconds: `yyyy-MM-dd`, `yyyy-MM-dd HH:mm`, or that with a time zone
 * (`GMT`, `+02:00`, `Europe/Berlin`). Without one the server's own counts. Source: conductor 3.32, `DateTimeUtils`.
 *
 * @returns `undefined` when it is not a moment
 */
export function parseDate(text: string): number | undefined {
  const parts = DATE.exec(text.trim());
  if (parts === null) return undefined;
  const [year, month, day, hour, minute] = parts.slice(1, 6).map((part) => Number(part ?? 0));
  const zone = parts[6];
  if (zone === undefined) return new Date(year!, month! - 1, day, hour, minute).getTime();
  const utc = Date.UTC(year!, month! - 1, day, hour, minute);
  const offset = zoneOffsetMs(zone, utc);
  return offset === undefined ? undefined : utc - offset;
}

function zoneOffsetMs(zone: string, at: number): number | undefined {
  const numeric = /^(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?$/.exec(zone);
  if (numeric !== null) {
    const minutes = Number(numeric[2]) * 60 + Number(numeric[3] ?? 0);
    return (numeric[1] === '-' ? -1 : 1) * minutes * 60_000;
  }
  if (/^(?:GMT|UTC|Z)$/i.test(zone)) return 0;
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      timeZoneName: 'longOffset',
    }).formatToParts(at);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    return name === 'GMT' ? 0 : zoneOffsetMs(name, at);
  } catch {
    return undefined;
  }
}
