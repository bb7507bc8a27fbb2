// What is published has no `source` condition: it points into src/, which is not in the tarball.
function withoutSource(exports) {
  if (typeof exports !== 'object' || exports === null) return exports
  const { source: _, ...rest } = exports
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withoutSource(value)]))
}

// Provenance names the repository that a release was built in; its runner says which that is.
const repository = ({ GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env) =>
  server && name ? { repository: { type: 'git', url: `git+${server}/${name}.git` } } : {}

module.exports = {
  hooks: {
    beforePacking: (manifest) => ({
      ...manifest,
      ...repository(),
      exports: withoutSource(manifest.exports),
      ...(manifest.imports && { imports: withoutSource(manifest.imports) }),
    }),
  },
}
