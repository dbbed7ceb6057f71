"""The page as HTML. Everything a guest typed passes `escape` on its way in."""

from html import escape
from string import Template

from entries import LONGEST, Entry

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Guest book</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  main { max-width: 36rem; margin: 3rem auto; padding: 0 1rem; }
  form, li { display: grid; gap: .5rem; }
  input, textarea, button { font: inherit; padding: .5rem .75rem; }
  ul { list-style: none; padding: 0; display: grid; gap: 1rem; margin-top: 2rem; }
  time { opacity: .7; font-size: .85rem; }
  .problem { color: light-dark(#b00020, #ff8a80); }
</style>
<main>
  <h1>Guest book</h1>
  <form method="post">
    $problem
    <label>Name <input name="name" autocomplete="name" required></label>
    <label>Message <textarea name="message" rows="3" maxlength="$longest" required></textarea></label>
    <button>Sign</button>
  </form>
  <ul>$entries</ul>
</main>
""")


def book(entries: list[Entry], problem: str = "") -> str:
    warning = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return PAGE.substitute(problem=warning, longest=LONGEST, entries="".join(map(_entry, entries)))


def _entry(entry: Entry) -> str:
    return f"<li><b>{escape(entry.name)}</b> {escape(entry.message)} <time>{escape(entry.at)} UTC</time></li>"
