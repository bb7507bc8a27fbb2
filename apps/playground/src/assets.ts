// Static files in the folder of the page.

/** Downloads a file. @throws Error with the name and the HTTP status where the file cannot be loaded */
export async function fetchBytes(name: string): Promise<Uint8Array> {
  const response = await fetch(new URL(name, import.meta.url))
  if (!response.ok) throw new Error(`${name} could not be loaded: HTTP status ${response.status}; reload the page`)
  return new Uint8Array(await response.arrayBuffer())
}
