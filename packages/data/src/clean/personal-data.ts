/** Masking of personal data by patterns; names of persons are not found. */
import type { Filter } from './filter.ts'

const digitsOf = (text: string): number[] => [...text].filter((c) => c >= '0' && c <= '9').map(Number)

/** @see ISO/IEC 7812-1, annex B (Luhn) */
function isCard(text: string): boolean {
  const digits = digitsOf(text).reverse()
  if (digits.length < 13 || digits.length > 19) return false
  const sum = digits.reduce((total, digit, i) => {
    const doubled = i % 2 === 1 ? digit * 2 : digit
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return sum % 10 === 0
}

/**
 * The Japanese Individual Number (My Number), whose twelfth digit is a check digit.
 * @see Ministry of Internal Affairs, ordinance 85 of 2014, article 5
 */
function isIndividualNumber(text: string): boolean {
  const digits = digitsOf(text)
  if (digits.length !== 12) return false
  const sum = digits
    .slice(0, 11)
    .reverse()
    .reduce((total, digit, i) => total + digit * (i < 6 ? i + 2 : i - 4), 0)
  const rest = sum % 11
  return digits[11] === (rest <= 1 ? 0 : 11 - rest)
}

const masks: readonly (readonly [mask: string, pattern: RegExp, is?: (text: string) => boolean])[] = [
  ['<EMAIL>', /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g],
  ['<CARD>', /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g, isCard],
  ['<NUMBER>', /(?<!\d[ -]?)\d{4}[ -]?\d{4}[ -]?\d{4}(?![ -]?\d)/g, isIndividualNumber],
  [
    '<PHONE>',
    /(?<![\d-])(?:0\d{1,4}-\d{1,4}-\d{3,4}|0[5789]0\d{8}|\+\d{1,3}[ -]\d{1,4}(?:[ -]\d{2,4}){2,3})(?![\d-])/g,
  ],
  [
    '<IP>',
    /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/g,
    (text) => text.split('.').every((part) => Number(part) < 256) && !/^(127|10|192\.168|0)\./.test(text),
  ],
]

/**
 * A filter that masks e-mail addresses, card numbers, Individual Numbers, telephone numbers and public IPv4 addresses.
 */
export function personalDataFilter(): Filter {
  return {
    name: 'personal-data',
    apply: (text) =>
      masks.reduce(
        (masked, [mask, pattern, is]) =>
          masked.replace(pattern, (found) => (is === undefined || is(found) ? mask : found)),
        text,
      ),
  }
}
