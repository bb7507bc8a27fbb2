// Attention for one (batch, key-value head) at a time: blocks of 32 query rows are multiplied with packed keys and
// values.
//
// q, o, g, dq [B, T, H, D]; k, v, dk, dv [B, S, KV, D]; lse [B, H, T]. Causal: query i sees keys 0 .. i + S - T.
// `documents` [B, T], or 0: keys of a document other than the query's are masked. `window`, or 0: a query sees only its
// last `window` keys. `softcap`, or 0: scores x become softcap tanh(x / softcap).
// Everything is a product of small matrices on the packed 4 x 8 micro-kernel. Keys past a block's last visible one, and
// the panels before its first, are never read; masked scores inside the block are set to a large negative number.

import { blockGemm } from './gemm'
import { packPanels } from './pack'
import { exp1, exp4, log1, tanh } from './math'
import { expSum, scaleRow } from './softmax'

const BLOCK: i32 = 32

// @ts-ignore: decorator
@inline
function up8(n: i32): i32 {
  return (n + 7) & ~7
}

// @ts-ignore: decorator
@inline
function floats(n: i32): usize {
  return (<usize>n) << 2
}

/** Where the panel begins that holds the first visible key of a block whose first row sees keys up to `first`. */
// @ts-ignore: decorator
@inline
function firstKey(first: i32, window: i32): i32 {
  return window ? max(0, first - window + 1) & ~7 : 0
}

/**
 * Scores of `rows` query rows against `keys` keys from `from` on, scaled, capped and masked, into s [rows, ld]. The
 * block's first row sees keys up to `first`.
 */
function blockScores(q: usize, qStride: i32, packedA: usize, packedK: usize, d: i32, s: usize, ld: i32, rows: i32, keys: i32, scale: f32, causal: i32, window: i32, softcap: f32, first: i32, from: i32, documents: usize): void {
  blockGemm(q, qStride, 1, packedA, packedK + floats(from * d), floats(d * 8), s, floats(ld), rows, keys, d, false)
  for (let r = 0; r < rows; r++) {
    const row = s + floats(r * ld)
    scaleRow(row, keys, scale)
    if (softcap > 0) {
      const cap = f32x4.splat(softcap)
      const inverse = f32x4.splat(1 / softcap)
      // Rows are padded to a multiple of 8, so whole vectors stay inside them.
      for (let j = 0; j < keys; j += 4) {
        const at = row + floats(j)
        v128.store(at, f32x4.mul(tanh(f32x4.mul(v128.load(at), inverse)), cap))
      }
    }
    if (causal) for (let j = first + r + 1 - from; j < keys; j++) store<f32>(row + floats(j), -1e30)
    if (window) {
      const unseen = min(keys, first + r + 1 - window - from)
      for (let j = 0; j < unseen; j++) store<f32>(row + floats(j), -1e30)
    }
    if (documents) {
      const own = load<i32>(documents + floats(first + r))
      const others = documents + floats(from)
      for (let j = 0; j < keys; j++) if (load<i32>(others + floats(j)) != own) store<f32>(row + floats(j), -1e30)
    }
  }
}

export function attentionForward(
  start: i32, end: i32, thread: i32,
  q: usize, k: usize, v: usize, o: usize, lse: usize,
  t: i32, s: i32, h: i32, kv: i32, d: i32, scale: f32, causal: i32, window: i32, softcap: f32, documents: usize, scratch: usize,
): void {
  const group = h / kv
  const ld = up8(s)
  const packedK = scratch
  const packedV = packedK + floats(up8(s) * d)
  const scores = packedV + floats(s * up8(d))
  const packedA = scores + floats(BLOCK * ld)
  for (let task = start; task < end; task++) {
    const b = task / kv
    const own = documents ? documents + floats(b * t) : 0
    const head = task - b * kv
    const kBase = k + floats((b * s * kv + head) * d)
    const vBase = v + floats((b * s * kv + head) * d)
    packPanels(kBase, packedK, d, s, 1, kv * d) // K transposed: [d, s]
    packPanels(vBase, packedV, s, d, kv * d, 1)
    for (let r = 0; r < group; r++) {
      const hq = head * group + r
      for (let i = 0; i < t; i += BLOCK) {
        const rows = min(BLOCK, t - i)
        const first = i + s - t // the last key the block's first row sees
        const from = firstKey(first, window)
        const keys = (causal ? first + rows : s) - from
        const at = floats(((b * t + i) * h + hq) * d)
        blockScores(q + at, h * d, packedA, packedK, d, scores, ld, rows, keys, scale, causal, window, softcap, first, from, own)
        for (let row = 0; row < rows; row++) {
          const p = scores + floats(row * ld)
          let top = load<f32>(p)
          for (let j = 1; j < keys; j++) top = max(top, load<f32>(p + floats(j)))
          const total = expSum(p, p, keys, top)
          scaleRow(p, keys, 1 / total)
          store<f32>(lse + floats((b * h + hq) * t + i + row), top + log1(total))
        }
        blockGemm(scores, ld, 1, packedA, packedV + floats(from * 8), floats(s * 8), o + at, floats(h * d), rows, d, keys, false)
      }
    }
  }
}

export function attentionBackward(
  start: i32, end: i32, thread: i32,
  q: usize, k: usize, v: usize, o: usize, lse: usize, g: usize, dq: usize, dk: usize, dv: usize,
  t: i32, s: i32, h: i32, kv: i32, d: i32, scale: f32, causal: i32, window: i32, softcap: f32, documents: usize, scratch: usize,
): void {
  const group = h / kv
  const ld = up8(s)
  const w = up8(d)
  const packedKt = scratch // [d, s] panels of 8 keys
  const packedVt = packedKt + floats(ld * d)
  const packedK = packedVt + floats(ld * d) // [s, d] panels of 8 elements
  const packedQ = packedK + floats(s * w) // [BLOCK, d]
  const packedG = packedQ + floats(BLOCK * w)
  const p = packedG + floats(BLOCK * w)
  const ds = p + floats(BLOCK * ld)
  const packedA = ds + floats(BLOCK * ld)
  for (let task = start; task < end; task++) {
    const b = task / kv
    const own = documents ? documents + floats(b * t) : 0
    const head = task - b * kv
    const kBase = floats((b * s * kv + head) * d)
    const stride = kv * d
    packPanels(k + kBase, packedKt, d, s, 1, stride)
    packPanels(v + kBase, packedVt, d, s, 1, stride)
    packPanels(k + kBase, packedK, s, d, stride, 1)
    for (let j = 0; j < s; j++) {
      memory.fill(dk + kBase + floats(j * stride), 0, floats(d))
      memory.fill(dv + kBase + floats(j * stride), 0, floats(d))
    }
    for (let r = 0; r < group; r++) {
      const hq = head * group + r
      for (let i = 0; i < t; i += BLOCK) {
        const rows = min(BLOCK, t - i)
        const first = i + s - t
        const from = firstKey(first, window)
        const keys = (causal ? first + rows : s) - from
        const at = floats(((b * t + i) * h + hq) * d)
        blockScores(q + at, h * d, packedA, packedKt, d, p, ld, rows, keys, scale, causal, window, softcap, first, from, own)
        blockGemm(g + at, h * d, 1, packedA, packedVt + floats(from * d), floats(d * 8), ds, floats(ld), rows, keys, d, false)
        for (let row = 0; row < rows; row++) {
          const gRow = g + at + floats(row * h * d)
          const oRow = o + at + floats(row * h * d)
          let delta: f32 = 0
          for (let e = 0; e < d; e++) delta += load<f32>(gRow + floats(e)) * load<f32>(oRow + floats(e))
          const l = load<f32>(lse + floats((b * h + hq) * t + i + row))
          const pRow = p + floats(row * ld)
          const dRow = ds + floats(row * ld)
          const l4 = f32x4.splat(l)
          const delta4 = f32x4.splat(delta)
          const scale4 = f32x4.splat(scale)
          if (softcap > 0) {
            // d softcap tanh(x / softcap) / dx = 1 - tanh^2, which masked scores (far below -softcap) make 0.
            const inverse = f32x4.splat(1 / softcap)
            const one = f32x4.splat(1)
            for (let j = 0; j < keys; j += 4) {
              const score = v128.load(pRow + floats(j))
              const tanh4 = f32x4.pmax(f32x4.mul(score, inverse), f32x4.splat(-1))
              const slope = f32x4.sub(one, f32x4.mul(tanh4, tanh4))
              const e = exp4(f32x4.sub(score, l4))
              v128.store(pRow + floats(j), e)
              v128.store(dRow + floats(j), f32x4.mul(f32x4.mul(f32x4.mul(e, f32x4.sub(v128.load(dRow + floats(j)), delta4)), scale4), slope))
            }
            continue
          }
          let j = 0
          for (; j + 4 <= keys; j += 4) {
            const e = exp4(f32x4.sub(v128.load(pRow + floats(j)), l4))
            v128.store(pRow + floats(j), e)
            v128.store(dRow + floats(j), f32x4.mul(f32x4.mul(e, f32x4.sub(v128.load(dRow + floats(j)), delta4)), scale4))
          }
          for (; j < keys; j++) {
            const e = exp1(load<f32>(pRow + floats(j)) - l)
            store<f32>(pRow + floats(j), e)
            store<f32>(dRow + floats(j), e * (load<f32>(dRow + floats(j)) - delta) * scale)
          }
        }
        blockGemm(ds, ld, 1, packedA, packedK + floats(from * 8), floats(s * 8), dq + at, floats(h * d), rows, d, keys, false)
        packPanels(q + at, packedQ, rows, d, h * d, 1)
        packPanels(g + at, packedG, rows, d, h * d, 1)
        blockGemm(ds, 1, ld, packedA, packedQ, floats(rows * 8), dk + kBase + floats(from * stride), floats(stride), keys, d, rows, true)
        blockGemm(p, 1, ld, packedA, packedG, floats(rows * 8), dv + kBase + floats(from * stride), floats(stride), keys, d, rows, true)
      }
    }
  }
}
