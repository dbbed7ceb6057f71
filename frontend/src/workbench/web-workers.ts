/**
 * VS Code's web workers. Each begins with a few lines of ours that fetch its script, and go on asking for it where it cannot be had, as the
 * connection has just gone: VS Code tries once, and would be without links, comparisons and words to complete until the page is loaded anew.
 */
import editorWorker from '@codingame/monaco-vscode-api/workers/editor.worker?worker&url'
import outputWorker from '@codingame/monaco-vscode-output-service-override/worker?worker&url'
import textmateWorker from '@codingame/monaco-vscode-textmate-service-override/worker?worker&url'

const SCRIPTS: Record<string, string> = {
  editorWorkerService: editorWorker,
  TextMateWorker: textmateWorker,
  OutputLinkDetectionWorker: outputWorker,
}
/** Milliseconds between two tries. */
const PAUSE = 2000
/** What a worker says when its script runs. */
const BEGUN = 'begun'

/** Tells VS Code how to start its web workers. Must run before `initialize`. */
export function provideWorkers(): void {
  const getWorker = (_module: string, label: string): Promise<Worker> | undefined => {
    const script = SCRIPTS[label]
    return script === undefined ? undefined : start(label, new URL(script, location.href).href)
  }
  Object.assign(self, { MonacoEnvironment: { getWorker } })
}

/** A worker that runs its script already: what is sent to it before would be lost. */
function start(name: string, script: string): Promise<Worker> {
  const address = URL.createObjectURL(new Blob([beginning(script)], { type: 'text/javascript' }))
  const worker = new Worker(address, { type: 'module', name })
  return new Promise((resolve, reject) => {
    worker.onerror = reject
    worker.onmessage = ({ data }) => {
      if (data !== BEGUN) return
      URL.revokeObjectURL(address)
      resolve(worker)
    }
  })
}

/** A browser may keep in mind that an address could not be fetched, so each try has its own. An error of the script's own is none of that. */
const beginning = (script: string): string => `
const script = ${JSON.stringify(script)}
for (let tries = 0; ; tries++) {
  try {
    await import(tries ? script + '?' + tries : script)
    break
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    await new Promise((again) => setTimeout(again, ${PAUSE}))
  }
}
postMessage(${JSON.stringify(BEGUN)})
`
