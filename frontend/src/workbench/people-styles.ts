/**
 * The styles of others' cursors: a colour a person, the same as their face has in the page around, and the name at the
 * caret. In a constructed sheet, where a name is data of a rule and never markup. Used by `cursors`.
 */
import { hueOf } from '../sync/people'
import type { Colleague } from '../sync/presence'

/** As `--a-1` … `--a-5` in the host page's tokens; white text on each passes AA. */
const COLOURS = ['#8a4fb0', '#0b7285', '#b0522a', '#3b6db0', '#a03c64']

/** The colour of a person's cursors. */
export const colour = (name: string): string => COLOURS[hueOf(name) - 1]!

export class PeopleStyles {
  private readonly sheet = new CSSStyleSheet()
  private shown = ''

  constructor() {
    document.adoptedStyleSheets.push(this.sheet)
  }

  /** The class of an editor's cursor; ids are letters, digits, `-` and `_` only. */
  of(client: string): string {
    return `colleague-${client}`
  }

  /** Has rules for these and no others. */
  keep(colleagues: readonly Colleague[]): void {
    const rules = colleagues.map(({ client, person }) => this.rules(`.colleague-${client}`, colour(person.name), quoted(person.name))).join('\n')
    if (rules === this.shown) return
    this.shown = rules
    this.sheet.replaceSync(rules)
  }

  private rules(name: string, ground: string, label: string): string {
    return `
      ${name}-selection { background: ${ground}40; }
      ${name}-caret { position: relative; border-left: 2px solid ${ground}; margin-inline: -1px; }
      ${name}-caret::after { content: ${label}; position: absolute; left: -2px; bottom: 100%; z-index: 10; max-width: 16em; padding: 0 4px; overflow: hidden;
        background: ${ground}; color: #fff; font: 500 11px/15px system-ui, sans-serif; white-space: nowrap; text-overflow: ellipsis; border-radius: 3px 3px 3px 0;
        opacity: 0; pointer-events: none; }
      ${name}-named::after { opacity: 1; }
      ${name}-below::after { bottom: auto; top: 100%; border-radius: 0 3px 3px 3px; }
      @media (prefers-reduced-motion: no-preference) { ${name}-caret::after { transition: opacity 140ms; } }
    `
  }
}

/** A CSS string; every character that could end it or the rule is escaped. */
function quoted(text: string): string {
  return `"${[...text].map((each) => (/[\p{L}\p{N} ]/u.test(each) ? each : `\\${each.codePointAt(0)!.toString(16)} `)).join('')}"`
}
