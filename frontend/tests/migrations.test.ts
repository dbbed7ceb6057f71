/**
 * The migrations panel's own decisions: which migrations belong to the database that is shown, and what is said of them. No DOM.
 */
import { describe, expect, test } from 'vitest'
import { counted, ofDatabase, outcome, waiting, type Migrations } from '../src/host/data/migrations'

const of = (binding: string, database: string, pending: string[]): Migrations => ({ binding, database, directory: 'migrations', count: 3, pending })

describe('which migrations the panel shows', () => {
  const shown = { name: 'DB', resource: 'main' }

  test('those of the database, whatever the deployed version calls its binding', () => {
    const live = [of('OTHER', 'other', ['0001_a.sql']), of('OLD', 'main', ['0002_b.sql'])]
    expect(ofDatabase(live, shown)?.binding).toBe('OLD')
  })

  test('of two bindings with one database its own, and then the other’s', () => {
    const both = [of('TWIN', 'main', ['0001_a.sql']), of('DB', 'main', ['0002_b.sql'])]
    expect(ofDatabase(both, shown)?.binding).toBe('DB')
    expect(ofDatabase([of('TWIN', 'main', ['0001_a.sql']), of('DB', 'main', [])], shown)?.binding).toBe('TWIN')
  })

  test('nothing where there are none, all are applied, or only another database lacks some', () => {
    expect(ofDatabase([], shown)).toBeNull()
    expect(ofDatabase([of('DB', 'main', [])], shown)).toBeNull()
    expect(ofDatabase([of('DB', 'other', ['0001_a.sql'])], shown)).toBeNull()
  })
})

describe('what is said', () => {
  test('how many wait, and for whose data', () => {
    expect(waiting('preview', 1)).toBe('1 migration is not applied to the preview’s data')
    expect(waiting('live', 2)).toBe('2 migrations are not applied to live data')
    expect(counted(1)).toBe('1 migration')
  })

  test('how many were applied, also where somebody else was faster or the time was up', () => {
    expect(outcome(2, { applied: ['a', 'b'], failed: null })).toBe('Applied 2 migrations.')
    expect(outcome(5, { applied: ['a'], failed: null })).toBe('Applied 1 migration of 5.')
    expect(outcome(1, { applied: [], failed: null })).toBe('They were applied already.')
  })
})
