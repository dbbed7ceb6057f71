/**
 * Builds the editor's iframe (`editor.html`) and the host pages' scripts. `dist` is served twice: at `/` on the editor's
 * origin and at `/static/` on the control plane, so every address in it is relative.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompress, constants } from 'node:zlib'
import { promisify } from 'node:util'
import { defineConfig, type HtmlTagDescriptor, type Plugin } from 'vite'
import { leaveOut } from './left-out.ts'
import { lighten } from './lighter.ts'
import { settleExtensions } from './settled-extensions.ts'

const HOST_ENTRIES = ['src/host/edit.ts', 'src/host/pages.ts']
const COMPRESSIBLE = /\.(js|css|html|json|svg|wasm|ttf|map|tmLanguage)$/
/** Bytes below which a compressed copy saves nothing worth a file. */
const WORTH_COMPRESSING = 512
const compress = promisify(brotliCompress)

/** Writes `x.br` beside every text asset, so that no server compresses while somebody waits. */
function precompress(): Plugin {
  let outDir = 'dist'
  return {
    name: 'precompress',
    apply: 'build',
    configResolved: (config) => void (outDir = config.build.outDir),
    closeBundle: async () => {
      const entries = await readdir(outDir, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile() && COMPRESSIBLE.test(entry.name)).map((entry) => join(entry.parentPath, entry.name))
      for (const file of files) {
        const content = await readFile(file)
        if (content.length < WORTH_COMPRESSING) continue
        // 9 of 11: within 4 % of the smallest, in a tenth of the time.
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
        await writeFile(`${file}.br`, await compress(content, { params }))
      }
    },
  }
}

/**
 * Has the iframe's page name the workbench's chunk, so that its download begins with the page and not after the first script has run.
 * Vite itself does so for static imports only, and this one is dynamic on purpose: the handshake must not wait for it. The largest is
 * named first; `data-order` says what others need, for src/workbench/compiled.ts.
 */
function preloadWorkbench(): Plugin {
  return {
    name: 'preload-workbench',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_html, { bundle }) => {
        const chunks = Object.values(bundle ?? {})
        const workbench = chunks.find((chunk) => chunk.type === 'chunk' && chunk.isDynamicEntry && chunk.name === 'workbench')
        if (workbench?.type !== 'chunk') throw new Error('the chunk of src/workbench/workbench.ts is not in the bundle')
        const [seen, order] = [new Set<string>(), [] as string[]]
        const add = (file: string): void => {
          const chunk = bundle![file]
          if (seen.has(file) || chunk?.type !== 'chunk') return
          seen.add(file)
          chunk.imports.forEach(add)
          order.push(file)
        }
        add(workbench.fileName)
        const link = (rel: string, file: string, more?: Record<string, string>): HtmlTagDescriptor => ({ tag: 'link', attrs: { rel, crossorigin: true, href: `./${file}`, ...more }, injectTo: 'head' })
        const parts = [workbench, ...chunks.filter((chunk) => chunk.type === 'chunk' && workbench.imports.includes(chunk.fileName))]
        const styles = new Set(parts.flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]))
        return [...parts.map(({ fileName }) => link('modulepreload', fileName, { 'data-order': String(order.indexOf(fileName)) })), ...[...styles].map((file) => link('stylesheet', file))]
      },
    },
  }
}

/**
 * Writes two more pages beside `editor.html`. `again.html` is the iframe's page for a browser that has compiled its scripts before
 * (src/host/compiled.ts): Chromium 156 looks for the compiled code of a module only where the script was asked for as a plain one; as a
 * module it is always read anew, which is the quicker way as long as there is nothing compiled. `ahead.html` has a browser fetch what
 * `editor.html` names, and runs nothing (src/host/ahead.ts).
 */
function otherPages(): Plugin {
  return {
    name: 'other-pages',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['editor.html']
      if (page?.type !== 'asset') throw new Error('editor.html is not in the bundle')
      const source = String(page.source)
      this.emitFile({ type: 'asset', fileName: 'again.html', source: source.replaceAll('rel="modulepreload"', 'rel="preload" as="script"') })
      const files = [...source.matchAll(/<(?:link|script)\b[^>]*?(?:href|src)="(\.\/assets\/[^"]+)"/g)].map(([, file]) => file!)
      const links = files.map((file) => `<link rel="prefetch" as="${file.endsWith('.css') ? 'style' : 'script'}" crossorigin href="${file}" />`)
      const ahead = `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8" />\n<title>What the editor needs</title>\n${links.join('\n')}\n</head>\n</html>\n`
      this.emitFile({ type: 'asset', fileName: 'ahead.html', source: ahead })
    },
  }
}

/**
 * VS Code's own layers, the lower ones first. One chunk of all of it would be compiled by one thread, and a stack trace taken while
 * it is evaluated (there are some) would have the browser read all of its nine megabytes once more, for the line numbers.
 */
const LAYERS = [
  { name: 'preload-helper', test: /vite.preload-helper/ }, // Vite's own; small, and wanted by the first chunk of all
  { name: 'vs-base', test: /monaco-vscode-api.vscode.src.vs.(base|platform)./ },
  { name: 'vs-editor', test: /monaco-vscode-api.vscode.src.vs.editor./ },
  { name: 'vs-workbench', test: /monaco-vscode-api.vscode.src.vs.workbench.(?!api.)/ },
  { name: 'vs-extension-api', test: /monaco-vscode-api.vscode.src.vs.workbench.api./ },
]

export default defineConfig({
  base: './',
  worker: { format: 'es' },
  resolve: { dedupe: ['vscode', '@codingame/monaco-vscode-api'] },
  plugins: [leaveOut(), lighten(), settleExtensions(), preloadWorkbench(), otherPages(), precompress()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    manifest: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 10_000,
    reportCompressedSize: false,
    rollupOptions: {
      input: ['editor.html', ...HOST_ENTRIES.filter((entry) => existsSync(entry))],
      // `entriesAware`: what only a later chunk needs stays out of those that the first paint waits for.
      output: { codeSplitting: { groups: LAYERS.map((layer, index) => ({ ...layer, priority: LAYERS.length - index, entriesAware: true })) } },
    },
  },
})
