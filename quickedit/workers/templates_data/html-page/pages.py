"""The pages as HTML. Everything a guest typed passes `escape` on its way in."""

from html import escape
from pathlib import Path
from string import Template

from reply import MOST_GUESTS, Reply

INVITATION = (Path(__file__).parent / "invitation.txt").read_text()

LAYOUT = Template("""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>$title</title>
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main>
    <h1>$title</h1>
    $content
  </main>
</body>
</html>
""")

FORM = Template("""<form method="post" action="/reply">
      $problem
      <label>Your name <input name="name" autocomplete="name" required></label>
      <label>How many of you? <input name="guests" type="number" min="1" max="$most" value="1"></label>
      <button>We are coming</button>
    </form>""")


def invitation(problem: str = "") -> str:
    """The invitation with its form, and above the form what was wrong with the last reply."""
    title, *paragraphs = INVITATION.strip().split("\n\n")
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    warning = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return LAYOUT.substitute(title=escape(title), content=text + FORM.substitute(problem=warning, most=MOST_GUESTS))


def thanks(reply: Reply) -> str:
    """What a guest sees after replying."""
    seats = "one chair" if reply.guests == 1 else f"{reply.guests} chairs"
    text = f'<p>We keep {seats} free for you.</p><p><a href="/">Back to the invitation</a></p>'
    return LAYOUT.substitute(title=f"See you there, {escape(reply.name)}!", content=text)
