/** What a user reads where the operating system refuses a file or folder and no verb has said more about it. */

const faults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder; check the path',
  ENOTDIR: 'a file is where a folder must be; give another path',
  EISDIR: 'is a folder, not a file; give a file',
  EACCES: 'access is denied; change its permissions or give another path',
  EPERM: 'this is not permitted; change its permissions or give another path',
  EROFS: 'the file system is read-only; give another path',
  ENOSPC: 'the disk is full; free some space or give a path on another disk',
  EEXIST: 'already exists; remove it or give another path',
  ENOTEMPTY: 'the folder is not empty; give another one',
  ENAMETOOLONG: 'the name is too long; give a shorter one',
  ELOOP: 'links that lead to each other; give the path of the file itself',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
}

/**
 * The sentence for an error that is Node's own: `convert: a.txt: a file is where a folder must be ...` in place of
 * `ENOTDIR: not a directory, scandir 'a.txt'`.
 * @returns undefined for every other error, whose message was written for a user
 */
export function systemFault(error: unknown): string | undefined {
  const { code, syscall, path, message } = (error ?? {}) as NodeJS.ErrnoException
  // A message that begins otherwise has been written by whoever met the error.
  if (code === undefined || syscall === undefined || !message?.startsWith(`${code}: `)) return undefined
  const fault = faults[code]
  if (fault === undefined || path === undefined) return undefined
  return `${path}: ${fault} (${code} in ${syscall})`
}
