// A changelog speaks to users: what changed, without commits. Packages that came along because one they need changed say that in one line.
module.exports = {
  getReleaseLine: async ({ summary }) => {
    const [first, ...rest] = summary.trim().split('\n')
    return `- ${[first, ...rest.map((line) => `  ${line}`)].join('\n')}`
  },
  getDependencyReleaseLine: async (_, updated) =>
    updated.length === 0 ? '' : `- Works with ${updated.map(({ name, newVersion }) => `${name} ${newVersion}`).join(', ')}`,
}
