/** Python's strftime for chat templates. */
const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/**
 * Formats a time like Python's `strftime` in the C locale, independent of the runtime's locale.
 * Unknown directives are left unchanged.
 * @see https://docs.python.org/3/library/datetime.html#format-codes
 */
export function strftime(date: Date, format: string): string {
  const padded = (value: number, digits = 2) => String(value).padStart(digits, '0')
  const month = MONTHS[date.getMonth()]
  const day = DAYS[date.getDay()]
  const hours = date.getHours()
  const yearStart = new Date(date.getFullYear(), 0, 1)
  const dayOfYear =
    Math.round(
      (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(yearStart.getFullYear(), 0, 1)) /
        86_400_000,
    ) + 1
  const written: Record<string, string> = {
    '%Y': padded(date.getFullYear(), 4),
    '%y': padded(date.getFullYear() % 100),
    '%m': padded(date.getMonth() + 1),
    '%d': padded(date.getDate()),
    '%-d': String(date.getDate()),
    '%-m': String(date.getMonth() + 1),
    '%j': padded(dayOfYear, 3),
    '%B': month,
    '%b': month.slice(0, 3),
    '%A': day,
    '%a': day.slice(0, 3),
    '%H': padded(hours),
    '%I': padded(hours % 12 || 12),
    '%p': hours < 12 ? 'AM' : 'PM',
    '%M': padded(date.getMinutes()),
    '%S': padded(date.getSeconds()),
    '%%': '%',
  }
  return format.replaceAll(/%-?[A-Za-z%]/g, (directive) => written[directive] ?? directive)
}
