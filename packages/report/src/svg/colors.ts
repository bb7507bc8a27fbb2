/** The colours of series. */

/**
 * Eight colours with a contrast ratio of about 3 or more on white and on a dark page. Every pair differs by at least
 * 0.08 in OKLab (0.15 among the first four), also under protanopia, deuteranopia and tritanopia as simulated by the
 * model of Machado et al. (2009). A test checks these bounds.
 */
export const colors = ['#4f47e9', '#ee6800', '#67a29b', '#a33287', '#ac77e4', '#715f33', '#ac62ab', '#7e776c'] as const

/** Dash patterns: each repetition of the eight colours has another. */
const dashes = ['', '6 3', '2 3', '8 3 2 3'] as const

/** The colour of the nth series; they repeat after eight. */
export function colorOf(index: number): string {
  return colors[index % colors.length]
}

/** The dash pattern of the nth series: none for the first eight, another for each further eight. */
export function dashOf(index: number): string {
  return dashes[Math.floor(index / colors.length) % dashes.length]
}
