/**
 * Frames to messages in the browser, as strictly as the server does it: unknown kinds are refused by name, and so are unknown
 * or missing fields and wrong types. The host page decodes with it what the iframe says, and the iframe what the page
 * says. The shapes come from `messages.ts`; golden files in `tests/contract/wire` hold this and the Python decoder together.
 */
import { MAX_FRAME, OPERATIONS, SHAPES, TO_CLIENT, TO_EDITOR, TO_HOST, TO_SERVER } from './messages'
import type { ToClient, ToEditor, ToHost, ToServer } from './messages'

/** The frame is no message of the expected direction. The message says why. */
export class BadFrame extends Error {}

type Kinds = Readonly<Record<string, string>>
type Fields = Record<string, unknown>

export const decodeToServer = (frame: string): ToServer => decode(frame, TO_SERVER) as ToServer
export const decodeToClient = (frame: string): ToClient => decode(frame, TO_CLIENT) as ToClient
export const decodeToHost = (frame: string): ToHost => decode(frame, TO_HOST) as ToHost
export const decodeToEditor = (frame: string): ToEditor => decode(frame, TO_EDITOR) as ToEditor

/** What goes over the port to the host page: its own messages, and the ones that it passes on to the server. */
export const decodeFromEditor = (frame: string): ToHost | ToServer => decode(frame, { ...TO_HOST, ...TO_SERVER }) as ToHost | ToServer

function decode(frame: string, kinds: Kinds): unknown {
  if (frame.length > MAX_FRAME) throw new BadFrame(`a frame of ${frame.length} characters is over the limit`)
  let data: unknown
  try {
    data = JSON.parse(frame)
  } catch {
    throw new BadFrame('the frame is not JSON')
  }
  if (!isObject(data)) throw new BadFrame('the frame is not a JSON object')
  checkTagged(data, 't', kinds, '')
  return data
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function checkTagged(data: Fields, tag: string, kinds: Kinds, at: string): void {
  const kind = data[tag]
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) throw new BadFrame(`unknown kind ${JSON.stringify(kind)?.slice(0, 64)}${at}`)
  checkFields(data, kinds[kind]!, tag, at)
}

function checkFields(data: Fields, name: string, tag: string | null, at: string): void {
  const fields = SHAPES[name]!
  for (const key of Object.keys(data)) {
    if (key !== tag && !Object.hasOwn(fields, key)) throw new BadFrame(`unknown field ${key.slice(0, 64)}${at}`)
  }
  for (const [key, [shape, required]] of Object.entries(fields)) {
    if (!Object.hasOwn(data, key)) {
      if (required) throw new BadFrame(`missing field ${key}${at}`)
    } else if (!fits(data[key], shape, `${at} at ${key}`)) {
      throw new BadFrame(`wrong type${at} at ${key}`)
    }
  }
}

/** Whether a value has a shape; throws where something inside it is wrong. */
function fits(value: unknown, shape: unknown, at: string): boolean {
  if (typeof shape === 'string') return fitsName(value, shape)
  const [constructor, ...args] = shape as [string, ...unknown[]]
  switch (constructor) {
    case 'text': return typeof value === 'string' && new RegExp(args[0] as string).test(value)
    case 'one': return args.includes(value)
    case 'or': return args.some((each) => fits(value, each, at))
    case 'list': return Array.isArray(value) && value.every((item) => fits(item, args[0], at))
    case 'struct':
      return isObject(value) && fitsStruct(value, args as [string, string?, string?], at)
    case 'operation':
      if (!isObject(value)) return false
      checkTagged(value, 'op', OPERATIONS, at)
      return true
    default: throw new Error(`no rule for the shape ${constructor}`)
  }
}

/** A structure inside a message; one that is a message of its own has a tag, as always. */
function fitsStruct(value: Fields, [name, tag, kind]: [string, string?, string?], at: string): boolean {
  if (tag && value[tag] !== kind) return false
  checkFields(value, name, tag ?? null, at)
  return true
}

function fitsName(value: unknown, name: string): boolean {
  switch (name) {
    case 'unknown': return true
    case 'null': return value === null
    case 'int': return Number.isSafeInteger(value)
    case 'count': return Number.isSafeInteger(value) && (value as number) >= 0
    case 'object': return isObject(value)
    default: return typeof value === name
  }
}
