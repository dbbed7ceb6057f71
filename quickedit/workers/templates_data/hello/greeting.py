"""Greetings. Change one and watch the preview."""


def greet(name: str) -> str:
    """A greeting for `name`, or for the world: `greet("Ada")` is "Hello, Ada!"."""
    return f"Hello, {name.strip() or 'world'}!"
