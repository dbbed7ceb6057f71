/** Which file to open first. Pure; the rule is the product's (`preview/bundle.py` reads the same files). */

interface Files {
  paths(): string[]
  read(path: string): string | undefined
}

const USUAL = ['main.py', 'worker.py', 'src/entry.py']

/** The worker's main module; else the first Python file, else the first file, else null. */
export function mainModule(files: Files): string | null {
  const paths = files.paths().sort()
  const there = (path: string | undefined): path is string => path !== undefined && paths.includes(path)
  const configured = [json(files.read('quickedit.json')), json(files.read('wrangler.jsonc')), toml(files.read('wrangler.toml'))].find(there)
  return configured ?? USUAL.find(there) ?? paths.find((path) => path.endsWith('.py')) ?? paths[0] ?? null
}

/** `main` of a JSON document, comments or not; a document that does not parse has none. */
const json = (text: string | undefined): string | undefined => clean(/"main"\s*:\s*"([^"\\]+)"/.exec(text ?? '')?.[1])
const toml = (text: string | undefined): string | undefined => clean(/^\s*main\s*=\s*["']([^"']+)["']/m.exec(text ?? '')?.[1])
const clean = (path: string | undefined): string | undefined => path?.replace(/^\.\//, '')
