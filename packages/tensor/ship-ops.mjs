// How the files of ops are built. Their samples are for the conformance suite, which whoever installs the package does
// not run: they are left out. And every call at the top of such a file is of a function without side effects
// (`defineOp({ ... })`): the build says so, and a bundler then drops the ops that a page does not use.
import { readFile } from 'node:fs/promises'
import ts from 'typescript'

function shipped(text, name) {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  /** Replacements, from the start of the file to its end. */
  const edits = []
  const visit = (node, top) => {
    if (top && (ts.isCallExpression(node) || ts.isNewExpression(node)))
      edits.push([node.getStart(), node.getStart(), '/* @__PURE__ */ '])
    // In a call's argument: a property of a type or of another object stays.
    if (ts.isPropertyAssignment(node) && node.name.text === 'samples' && ts.isCallExpression(node.parent.parent))
      edits.push([node.getFullStart(), text[node.end] === ',' ? node.end + 1 : node.end, ''])
    else ts.forEachChild(node, (child) => visit(child, top && !ts.isFunctionLike(node)))
  }
  visit(file, true)
  return edits
    .sort((a, b) => b[0] - a[0])
    .reduce((rest, [from, to, by]) => rest.slice(0, from) + by + rest.slice(to), text)
}

/** An esbuild plugin. */
export const shipOps = {
  name: 'ship-ops',
  setup(build) {
    build.onLoad({ filter: /src[\\/](ops|transforms)[\\/].*\.ts$/ }, async ({ path }) => ({
      contents: shipped(await readFile(path, 'utf8'), path),
      loader: 'ts',
    }))
  },
}
