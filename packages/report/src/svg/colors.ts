/** The colours of series. */

/**
 * Eight colours with a contrast of about 3 or more on white and on a dark page alike, found by a search that kept every pair apart (at least 8
 * hundredths in OKLab, the first four 15) for people with protanopia, deuteranopia or tritanopia too, as Machado et al. (2009) model them. The
 * test holds that.
 */
export const colors = ['#4f47e9', '#ee6800', '#67a29b', '#a33287', '#ac77e4', '#715f33', '#ac62ab', '#7e776c'] as const

/** Dashes for a ninth series and on, which have the colours of the first. */
const dashes = ['', '6 3', '2 3', '8 3 2 3'] as const

/** The colour of the nth series; they repeat after eight. */
export function colorOf(index: number): string {
  return colors[index % colors.length]
}

/** The dash of the nth series: none for the first eight, another for each eight after them. */
export function dashOf(index: number): string {
  return dashes[Math.floor(index / colors.length) % dashes.length]
}
