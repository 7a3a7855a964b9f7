/** Short texts for people. */

/** `"250 ms"`, `"1.53 s"`, `"2 m 5 s"`; as `jupyter fn` writes them. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 1) {
    return `${Math.round(ms)} ms`;
  }
  if (seconds < 120) {
    return `${Number(seconds.toPrecision(3))} s`;
  }
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  return minutes < 60
    ? `${minutes} m ${rest} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}

/** Dollars: two decimals, or three digits that count below a cent; never an exponent. As `jupyter fn` writes them. */
export function dollars(amount: number): string {
  if (!(amount > 0)) {
    return '$0';
  }
  if (amount >= 0.01) {
    return `$${amount.toFixed(2)}`;
  }
  const places = Math.min(14, 2 - Math.floor(Math.log10(amount)));
  return `$${amount.toFixed(places).replace(/0+$/, '')}`;
}

/** The time of day, with the date in front when that is not today. */
export function moment(iso: string, today: Date): string {
  const time = new Date(iso);
  const clock = time.toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23'
  });
  return time.toDateString() === today.toDateString()
    ? clock
    : `${time.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${clock}`;
}
