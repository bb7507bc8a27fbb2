// The common parts of shaders: buffers with accessors, entry points, workgroup counts.

import { bytesPerElement, computeType, type DType, isPacked, type PackedDType } from '../../dtype.ts'

let formatCode: typeof import('./format-code.ts') | undefined

/** Loads the WGSL of packed formats, which `shader` needs for buffers of such a format. */
export async function loadFormatCode(): Promise<void> {
  formatCode ??= await import('./format-code.ts')
}

/** One storage binding of a shader, in the order of the dispatch's bindings. */
export interface ShaderBuffer {
  readonly name: string
  readonly dtype: DType
  readonly write?: boolean
  /** Declare 32-bit buffers as vec4 arrays: `at4` is then one load, and `at` must not be used. */
  readonly vector?: boolean
  /**
   * The number of elements, if known: bounds checks against a constant cost less than against the buffer's length.
   */
  readonly length?: number
}

/** The largest number of workgroups in one dimension of a dispatch that every WebGPU device allows. */
export const maxWorkgroups = 65535

/**
 * A whole shader: the code of the formats in use, the buffers with their accessors, then the kernel. Every buffer NAME
 * gets `NAME_at(i)` (element i), `NAME_at4(i)` (elements i to i + 3, i a multiple of 4), `NAME_quad(at)` (elements 4 at
 * to 4 at + 3) and, if written, `NAME_set4(i, v)`, 32-bit buffers also `NAME_set(i, v)`. Elements are f32, i32 or u32,
 * whatever the storage format.
 * @param formats packed formats that the body itself converts
 */
export function shader(buffers: readonly ShaderBuffer[], body: string, formats: readonly PackedDType[] = []): string {
  const read = new Set<PackedDType>(formats)
  const written = new Set<PackedDType>(formats)
  for (const b of buffers) {
    if (!isPacked(b.dtype)) continue
    read.add(b.dtype)
    if (b.write) written.add(b.dtype)
  }
  if (read.size > 0 && !formatCode) throw new Error('shader: packed formats need loadFormatCode() first')
  return [
    ...[...read].map((f) => formatCode!.wgslDecode(f)),
    ...[...written].map((f) => formatCode!.wgslEncode(f)),
    ...buffers.map((b, i) => declare(b, i)),
    body,
  ].join('\n')
}

function declare({ name, dtype, write, vector, length }: ShaderBuffer, binding: number): string {
  const type = computeType(dtype)
  const mode = write ? 'read_write' : 'read'
  const head = (element: string) => {
    const bytes = element.startsWith('vec4') ? 16 : 4
    const count = length === undefined ? '' : `, ${Math.max(1, Math.ceil((length * bytesPerElement[dtype]) / bytes))}`
    return `@group(0) @binding(${binding}) var<storage, ${mode}> ${name}: array<${element}${count}>;`
  }
  if (!isPacked(dtype)) {
    if (vector) {
      return [
        head(`vec4<${type}>`),
        `fn ${name}_at4(i: u32) -> vec4<${type}> { return ${name}[i >> 2u]; }`,
        `fn ${name}_quad(at: u32) -> vec4<${type}> { return ${name}[at]; }`,
        write ? `fn ${name}_set4(i: u32, v: vec4<${type}>) { ${name}[i >> 2u] = v; }` : '',
      ].join('\n')
    }
    return [
      head(type),
      `fn ${name}_at(i: u32) -> ${type} { return ${name}[i]; }`,
      `fn ${name}_at4(i: u32) -> vec4<${type}> { return vec4<${type}>(${name}[i], ${name}[i + 1u], ${name}[i + 2u], ${name}[i + 3u]); }`,
      write ? `fn ${name}_set(i: u32, v: ${type}) { ${name}[i] = v; }` : '',
      write
        ? `fn ${name}_set4(i: u32, v: vec4<${type}>) { ${name}[i] = v.x; ${name}[i + 1u] = v.y; ${name}[i + 2u] = v.z; ${name}[i + 3u] = v.w; }`
        : '',
    ].join('\n')
  }
  const quad = `fn ${name}_quad(at: u32) -> vec4<f32> { return ${name}_at4(at << 2u); }`
  const decode = `decode_${dtype}`
  const encode = `encode_${dtype}`
  if (bytesPerElement[dtype] === 2) {
    return [
      head('u32'),
      `fn ${name}_at(i: u32) -> f32 { return ${decode}((${name}[i >> 1u] >> ((i & 1u) * 16u)) & 0xffffu); }`,
      `fn ${name}_at4(i: u32) -> vec4<f32> {`,
      `  let w0 = ${name}[i >> 1u]; let w1 = ${name}[(i >> 1u) + 1u];`,
      `  return vec4<f32>(${decode}(w0 & 0xffffu), ${decode}(w0 >> 16u), ${decode}(w1 & 0xffffu), ${decode}(w1 >> 16u));`,
      '}',
      quad,
      write
        ? `fn ${name}_set4(i: u32, v: vec4<f32>) {\n  ${name}[i >> 1u] = ${encode}(v.x) | (${encode}(v.y) << 16u);\n  ${name}[(i >> 1u) + 1u] = ${encode}(v.z) | (${encode}(v.w) << 16u);\n}`
        : '',
    ].join('\n')
  }
  return [
    head('u32'),
    `fn ${name}_at(i: u32) -> f32 { return ${decode}((${name}[i >> 2u] >> ((i & 3u) * 8u)) & 0xffu); }`,
    `fn ${name}_at4(i: u32) -> vec4<f32> {`,
    `  let w0 = ${name}[i >> 2u];`,
    `  return vec4<f32>(${decode}(w0 & 0xffu), ${decode}((w0 >> 8u) & 0xffu), ${decode}((w0 >> 16u) & 0xffu), ${decode}(w0 >> 24u));`,
    '}',
    quad,
    write
      ? `fn ${name}_set4(i: u32, v: vec4<f32>) {\n  ${name}[i >> 2u] = ${encode}(v.x) | (${encode}(v.y) << 8u) | (${encode}(v.z) << 16u) | (${encode}(v.w) << 24u);\n}`
      : '',
  ].join('\n')
}

/** Workgroup counts for `n` items, in two dimensions if one is not enough. */
export function workgroupsFor(n: number, perWorkgroup: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(n / perWorkgroup))
  return groups <= maxWorkgroups ? [groups, 1, 1] : [maxWorkgroups, Math.ceil(groups / maxWorkgroups), 1]
}

/** An entry point that declares `id: u32`, a linear invocation index for the workgroup counts of `workgroupsFor`. */
export function linearEntry(size: number, body: string): string {
  return `@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let id = (group.x + group.y * ${maxWorkgroups}u) * ${size}u + local;
${body}
}`
}

/** A kernel in which each invocation computes four adjacent elements of `out` by `fn value(i: u32)`. */
export function mapShader(
  buffers: readonly ShaderBuffer[],
  elements: number,
  type: 'f32' | 'i32' | 'u32',
  value: string,
): { wgsl: string; workgroups: [number, number, number] } {
  const wgsl = shader(
    buffers,
    `${value}
${linearEntry(
  64,
  `  let i = id * 4u;
  if (i >= ${elements}u) { return; }
  out_set4(i, vec4<${type}>(value(i), value(i + 1u), value(i + 2u), value(i + 3u)));`,
)}`,
  )
  return { wgsl, workgroups: workgroupsFor(Math.ceil(elements / 4), 64) }
}

/** A WGSL literal of type f32, without its suffix. */
export function wgslFloat(x: number): string {
  const text = String(Math.fround(x))
  return /[.e]/.test(text) ? text : `${text}.0`
}
