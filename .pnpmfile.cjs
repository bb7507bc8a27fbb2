// What is published has no `source` condition: it points into src/, which is not in the tarball.
function withoutSource(exports) {
  if (typeof exports !== 'object' || exports === null) return exports
  const { source: _, ...rest } = exports
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withoutSource(value)]))
}

module.exports = {
  hooks: {
    beforePacking: (manifest) => ({
      ...manifest,
      exports: withoutSource(manifest.exports),
      ...(manifest.imports && { imports: withoutSource(manifest.imports) }),
    }),
  },
}
