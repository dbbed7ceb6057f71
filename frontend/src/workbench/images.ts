/**
 * Shows an image of the worker as an image: an editor of VS Code's own kind, for the kinds that every browser draws. SVG is
 * text and stays in the text editor. Registered once by `workbench`, before anything is opened.
 */
import { IInstantiationService, getService } from '@codingame/monaco-vscode-api'
import type { IEditorGroup } from '@codingame/monaco-vscode-api/services'
import type { IDisposable } from '@codingame/monaco-vscode-api/vscode/vs/base/common/lifecycle'
import type { URI } from '@codingame/monaco-vscode-api/vscode/vs/base/common/uri'
import { RegisteredEditorPriority, SimpleEditorInput, SimpleEditorPane, registerEditor, registerEditorPane } from '@codingame/monaco-vscode-workbench-service-override'
import type { WorkerFileSystem } from './filesystem'

const ID = 'quickedit.image'
const TYPES: Record<string, string> = {
  png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', avif: 'image/avif', ico: 'image/x-icon', bmp: 'image/bmp',
}

class ImageInput extends SimpleEditorInput {
  constructor(override readonly resource: URI) {
    super(resource)
    this.setName(resource.path.split('/').pop() ?? '')
  }

  override get typeId(): string {
    return ID
  }
}

/** Makes images open as images. */
export function showImages(files: WorkerFileSystem): void {
  class ImagePane extends SimpleEditorPane {
    private image!: HTMLImageElement
    private note!: HTMLElement

    constructor(group: IEditorGroup) {
      super(ID, group)
    }

    initialize(): HTMLElement {
      const box = document.createElement('div')
      box.className = 'quickedit-image'
      this.image = document.createElement('img')
      this.note = document.createElement('p')
      box.append(this.image, this.note)
      return box
    }

    async renderInput(input: ImageInput): Promise<IDisposable> {
      let url = ''
      const draw = async (): Promise<void> => {
        const name = input.getName()
        try {
          const content = new Uint8Array(await files.readFile(input.resource))
          URL.revokeObjectURL(url)
          url = URL.createObjectURL(new Blob([content], { type: TYPES[name.split('.').pop()!.toLowerCase()] ?? '' }))
          this.image.alt = name
          this.image.onload = () => (this.note.textContent = `${this.image.naturalWidth} × ${this.image.naturalHeight} px, ${content.length.toLocaleString()} bytes`)
          this.image.onerror = () => (this.note.textContent = `${name} cannot be shown as an image.`)
          this.image.src = url
        } catch (error) {
          this.note.textContent = (error as Error).message
        }
      }
      await draw()
      const changed = files.onDidChangeFile((changes) => changes.some((change) => change.resource.path === input.resource.path) && void draw())
      return { dispose: () => (changed.dispose(), URL.revokeObjectURL(url)) }
    }
  }
  registerEditorPane(ID, 'Image', ImagePane, [ImageInput])
  // Differences of images are VS Code's business as before.
  const priority = { editor: RegisteredEditorPriority.default, diff: RegisteredEditorPriority.option, merge: RegisteredEditorPriority.option }
  registerEditor(`*.{${Object.keys(TYPES).join(',')}}`, { id: ID, label: 'Image', priority }, { singlePerResource: true }, {
    createEditorInput: async ({ resource }) => ({ editor: (await getService(IInstantiationService)).createInstance(ImageInput, resource) }),
  })
}
