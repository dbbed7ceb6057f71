/**
 * Tree operations that the server has not confirmed, and how they follow what others did meanwhile. A step remembers the
 * file it means by id, because a path may by now belong to something else. Used by `replica` only.
 */
import { freeName, isWithin, moved } from './paths'
import type { Tree, TreeOperation } from './tree'

export interface Step {
  readonly op: TreeOperation
  /** The file that `rename` or `delete` means; null where it means a folder. */
  readonly file: string | null
}

type Moves = readonly { path: string; to: string }[]

/**
 * Does `steps` one after the other on `work`, each adapted to what it finds there, and returns them as adapted. A step
 * that has nothing left to do (its file is gone, its folder is there already) is left out; one whose target is taken
 * gets a free name, as the server would give it.
 */
export function replay(steps: readonly Step[], work: Tree, moves: Moves): Step[] {
  const kept: Step[] = []
  for (const step of steps) {
    const op = adapt(step, work, moves)
    if (!op) continue
    work.apply(op)
    kept.push({ op, file: step.file })
  }
  return kept
}

const follow = (path: string, moves: Moves): string => moves.reduce((at, move) => moved(at, move.path, move.to), path)

/** Where a new thing goes: below its folder's new name, beside whatever took its place. */
function target(path: string, work: Tree, moves: Moves, self = ''): string {
  const cut = path.lastIndexOf('/')
  const folder = path.slice(0, Math.max(0, cut))
  const here = !folder || work.folders.has(folder) ? path : follow(folder, moves) + path.slice(cut)
  return work.isTaken(here, self) ? freeName(here, (candidate) => work.isTaken(candidate)) : here
}

/** Where the thing that `rename` or `delete` means is now, or null where it is gone. */
function subject(step: Step, path: string, work: Tree, moves: Moves): string | null {
  if (step.file !== null) return work.files.get(step.file)?.path ?? null
  if (work.folders.has(path)) return path
  const followed = follow(path, moves)
  return work.folders.has(followed) ? followed : null
}

function adapt(step: Step, work: Tree, moves: Moves): TreeOperation | null {
  const op = step.op
  if (op.op === 'create') return work.files.has(op.file) ? null : { ...op, path: target(op.path, work, moves) }
  if (op.op === 'attributes' || op.op === 'content') return work.files.has(op.file) ? op : null
  if (op.op === 'create-folder') {
    return work.folders.has(op.path) ? null : { ...op, path: target(op.path, work, moves) }
  }
  const path = subject(step, op.path, work, moves)
  if (path === null) return null
  if (op.op === 'delete') return { ...op, path }
  if (path === op.to) return null
  const to = target(op.to, work, moves, path)
  return isWithin(to, path) ? null : { ...op, path, to }
}
