// Counter-based random bits in WGSL.

/**
 * WGSL text of `fn random_bits(seed: u32, index: u32) -> u32`, which agrees with `randomBits` bit for bit.
 * @example wgslRandomBits().includes('fn random_bits(seed: u32, index: u32) -> u32') // true
 */
export function wgslRandomBits(): string {
  return `fn random_bits_mix(x: u32) -> u32 {
  var h = (x ^ (x >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

fn random_bits(seed: u32, index: u32) -> u32 {
  return random_bits_mix(random_bits_mix(seed ^ 0x9e3779b9u) ^ random_bits_mix(index));
}
`
}
