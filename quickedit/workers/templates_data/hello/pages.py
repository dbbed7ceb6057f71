"""The page that visitors see. It follows their light or dark theme."""

from dataclasses import dataclass
from html import escape

STYLE = """
    :root { color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif; }
    body { display: grid; place-content: center; min-height: 100vh; margin: 0; padding: 24px; text-align: center;
           background: light-dark(#fbfaf7, #1c1b1a); color: light-dark(#2a2825, #e8e4dc); box-sizing: border-box; }
    h1 { margin: 0; font-size: clamp(32px, 9vw, 64px); line-height: 1.1; overflow-wrap: anywhere; }
    form { display: flex; flex-wrap: wrap; gap: 8px; justify-content: center; margin: 28px 0; }
    input, button { font: inherit; padding: 6px 14px; border: 1px solid #8a847a; border-radius: 8px; }
    p { margin: 0; color: light-dark(#6b665c, #a8a297); }
"""


@dataclass(frozen=True)
class Page:
    """A heading, a form that asks for a name, and a line of small print."""

    heading: str
    note: str = "Edit greeting.py, and this page changes as you type."

    def render(self) -> str:
        return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{escape(self.heading)}</title>
  <style>{STYLE}</style>
</head>
<body>
  <h1>{escape(self.heading)}</h1>
  <form action="/">
    <input name="name" placeholder="Your name" aria-label="Your name">
    <button>Greet me</button>
  </form>
  <p>{escape(self.note)}</p>
</body>
</html>
"""
