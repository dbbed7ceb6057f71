/**
 * Who is here, in the bar: a face a person. Its tooltip names the module, a click follows them, and another ends it. The one
 * who looks comes first and is only shown.
 */

import { hueOf, initials } from '../sync/people'
import type { Colleague } from '../wire/messages'
import { h, need } from './dom'

/** Faces shown before the rest becomes a number. */
const SHOWN = 4

export class PeopleBar {
  private readonly bar = need('#people')

  constructor(
    private readonly me: { id: number; name: string },
    private readonly follow: (client: string | null) => void,
  ) {
    this.draw([], null)
  }

  /** Several editors of one person are one face, at the place where it was last in a file. */
  draw(people: Colleague[], following: string | null): void {
    const others = new Map<number, Colleague>()
    for (const each of people) {
      if (each.id === this.me.id) continue
      const known = others.get(each.id)
      if (!known || each.client === following || (known.client !== following && known.path === null)) others.set(each.id, each)
    }
    const focused = (document.activeElement as HTMLElement | null)?.dataset.person
    const faces = [...others.values()].slice(0, SHOWN).map((each) => this.face(each, each.client === following))
    const more = others.size - faces.length
    this.bar.hidden = others.size === 0
    this.bar.setAttribute('aria-label', `Here now: you and ${[...others.values()].map(whereabouts).join(', ')}`)
    this.bar.replaceChildren(this.own(), ...faces, ...(more > 0 ? [h('span', { class: 'avatar', title: [...others.values()].slice(SHOWN).map(whereabouts).join(', ') }, `+${more}`)] : []))
    if (focused) this.bar.querySelector<HTMLElement>(`[data-person="${focused}"]`)?.focus()
  }

  private own(): HTMLElement {
    return h('span', { class: `avatar avatar--${hueOf(this.me.name)}`, title: `${this.me.name} (you)` }, initials(this.me.name))
  }

  private face(each: Colleague, followed: boolean): HTMLElement {
    const act = followed ? 'click to stop following' : each.path === null ? '' : 'click to follow'
    const button = h('button', {
      class: `avatar avatar--${hueOf(each.name)}`,
      type: 'button',
      'data-person': each.id,
      'aria-pressed': String(followed),
      'aria-label': `${followed ? 'Stop following' : 'Follow'} ${whereabouts(each)}`,
      title: [whereabouts(each), act].filter(Boolean).join(': '),
    }, initials(each.name))
    button.addEventListener('click', () => this.follow(followed ? null : each.client))
    return button
  }
}

/** «Tom Okafor in pages.py, line 12», «Mei Tanaka, viewing». */
function whereabouts({ name, role, path, line }: Colleague): string {
  if (path === null) return role === 'viewer' ? `${name}, viewing` : name
  return `${name} in ${path}${line ? `, line ${line}` : ''}`
}
