"""What a person would expect to be offered, place by place: each probe is a text with a ``|`` where they type, the worker's other
modules, and labels that must stand in the first ten of the settled list. Used by ``test_probes``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SHOP = '''
"""Prices."""
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypedDict

VAT = 0.2


class Size(Enum):
    SMALL = 1
    LARGE = 2


@dataclass
class Item:
    name: str
    price: float
    size: Size = Size.SMALL

    def total(self, *, vat: float = VAT) -> float:
        """With tax."""
        return self.price * (1 + vat)


class Row(TypedDict):
    title: str
    amount: int


class Store(Protocol):
    def find(self, name: str) -> Item: ...
    def every(self) -> list[Item]: ...


def cheapest(items: list[Item]) -> Item:
    return min(items, key=lambda item: item.price)
'''
FILES = {"shop.py": SHOP, "lib/__init__.py": "", "lib/clock.py": "def now_text(zone: str = 'UTC') -> str: ...\n"}
VARIABLES = {"GREETING": "hello", "LIMIT": "3"}
SECRETS = ("API_KEY",)
BINDINGS = {"CACHE": "kv"}

WORKER = "from workers import WorkerEntrypoint, Response\n\n\nclass Default(WorkerEntrypoint):\n"


@dataclass(frozen=True)
class Probe:
    kind: str
    text: str
    labels: tuple[str, ...]
    files: dict[str, str] = field(default_factory=lambda: FILES)


def _p(kind: str, text: str, *labels: str) -> Probe:
    return Probe(kind, text, labels)


PROBES = [
    # Sibling modules and imports
    _p("sibling", "import shop\nshop.|", "Item", "cheapest", "Size", "VAT"),
    _p("sibling", "from shop import |", "Item", "cheapest", "Row"),
    _p("sibling", "from shop import Item, che|", "cheapest"),
    _p("sibling", "import sh|", "shop"),
    _p("sibling", "from lib import |", "clock"),
    _p("sibling", "from lib.clock import |", "now_text"),
    _p("sibling", "import lib.|", "clock"),
    _p("sibling", "from lib import clock\nclock.now_text().upp|", "upper"),
    _p("import", "from workers import Resp|", "Response"),
    _p("import", "from collections import Coun|", "Counter"),
    _p("import", "import dataclas|", "dataclasses"),
    _p("stdlib", "import json\njson.du|", "dumps", "dump"),
    _p("stdlib", "from pathlib import Path\nPath('a').read_|", "read_text", "read_bytes"),
    _p("stdlib", "import datetime\ndatetime.datetime.now().iso|", "isoformat"),
    # Narrowing
    _p("narrowing", "def f(x: str | int):\n    if isinstance(x, str):\n        x.start|", "startswith"),
    _p(
        "narrowing",
        "from shop import Item\ndef f(x: Item | None):\n    if x is not None:\n        x.|",
        "name",
        "price",
    ),
    _p("narrowing", "from shop import Item\ndef f(x: Item | None):\n    if not x:\n        return\n    x.to|", "total"),
    _p(
        "narrowing",
        "from shop import Item\ndef f(x: object):\n    assert isinstance(x, Item)\n    x.|",
        "name",
        "total",
    ),
    # Generics
    _p("generics", "from shop import Item\nxs: list[Item] = []\nxs[0].|", "name", "price", "total"),
    _p(
        "generics", "from shop import Item\nxs: dict[str, Item] = {}\nfor k, v in xs.items():\n    v.|", "name", "total"
    ),
    _p(
        "generics",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def get(self) -> T: ...\n"
        "Box[str]().get().low|",
        "lower",
    ),
    _p(
        "generics",
        "from typing import TypeVar\nfrom shop import Item\nT = TypeVar('T')\ndef first(xs: list[T]) -> T: ...\n"
        "first([Item('a', 1)]).|",
        "name",
        "price",
    ),
    # TypedDict
    _p("typeddict", "from shop import Row\ndef f(row: Row):\n    row['title'].upp|", "upper"),
    _p("typeddict", "from shop import Row\ndef f(row: Row):\n    row['amount'].bit|", "bit_length", "bit_count"),
    _p("typeddict", "from shop import Row\nRow(|)", "title=", "amount="),
    # Dataclasses
    _p("dataclass", "from shop import Item\nItem(|)", "name=", "price=", "size="),
    _p("dataclass", "from shop import Item\nItem('a', 1.0).|", "name", "price", "size", "total"),
    _p("dataclass", "from shop import Item\nItem('a', 1.0).name.spl|", "split", "splitlines"),
    _p("dataclass", "from shop import Item\nfrom dataclasses import replace\nreplace(Item('a', 1.0)).|", "name"),
    # Protocols
    _p("protocol", "from shop import Store\ndef f(store: Store):\n    store.|", "find", "every"),
    _p("protocol", "from shop import Store\ndef f(store: Store):\n    store.find('a').|", "name", "total"),
    # Overloads
    _p(
        "overload",
        "from typing import overload\n@overload\ndef f(x: int) -> str: ...\n@overload\ndef f(x: str) -> list[int]: ...\n"
        "def f(x): ...\nf(1).cap|",
        "capitalize",
    ),
    _p("overload", "open('a', 'rb').read().hex|", "hex"),
    # ParamSpec
    _p(
        "paramspec",
        "from collections.abc import Callable\nfrom typing import ParamSpec, TypeVar\nP = ParamSpec('P')\nR = TypeVar('R')\n"
        "def logged(f: Callable[P, R]) -> Callable[P, R]: ...\n@logged\ndef greet(name: str) -> str: ...\ngreet('a').upp|",
        "upper",
    ),
    _p("decorator", "import functools\n@functools.lru_cache\ndef f() -> str: ...\nf().upp|", "upper"),
    _p("decorator", "class A:\n    @property\n    def title(self) -> str: ...\nA().title.upp|", "upper"),
    _p(
        "context",
        "from contextlib import contextmanager\n@contextmanager\ndef f():\n    yield 'a'\nwith f() as x:\n    x.upp|",
        "upper",
    ),
    # Enums
    _p("enum", "from shop import Size\nSize.|", "SMALL", "LARGE"),
    _p("enum", "from shop import Size\nSize.SMALL.|", "name", "value"),
    _p("enum", "from shop import Item, Size\nItem('a', 1.0).size.|", "name", "value"),
    # Async
    _p("async", "async def f() -> str: ...\nasync def g():\n    x = await f()\n    x.upp|", "upper"),
    _p(
        "async",
        "import asyncio\nasync def f() -> str: ...\nasync def g():\n    a, b = await asyncio.gather(f(), f())\n    a.upp|",
        "upper",
    ),
    _p("async", "async def f():\n    yield 'a'\nasync def g():\n    async for x in f():\n        x.upp|", "upper"),
    # Comprehensions, match, lambda
    _p("comprehension", "from shop import Item\nxs: list[Item] = []\n[x.| for x in xs]", "name", "price"),
    _p("comprehension", "from shop import Item\nxs: list[Item] = []\n{x.name: x for x in xs if x.|}", "name", "price"),
    _p(
        "match",
        "from shop import Item\ndef f(x: object):\n    match x:\n        case Item() as it:\n            it.|",
        "name",
        "total",
    ),
    _p(
        "match",
        "from shop import Item\ndef f(x: Item | str):\n    match x:\n        case str():\n            x.upp|",
        "upper",
    ),
    _p("lambda", "from shop import Item\nxs: list[Item] = []\nsorted(xs, key=lambda x: x.|)", "name", "price"),
    _p("lambda", "from shop import Item\nxs: list[Item] = []\nmax(xs, key=lambda it: it.|)", "price"),
    # Keyword arguments
    _p("keyword", "from shop import Item\nItem('a', 1.0).total(|)", "vat="),
    _p("keyword", "def greet(name: str, *, loud: bool = False): ...\ngreet('a', lo|)", "loud="),
    _p("keyword", "import json\njson.dumps([], ind|)", "indent="),
    _p("keyword", "from workers import Response\nResponse('a', sta|)", "status="),
    # Auto-import
    _p("auto-import", "Respon|", "Response"),
    _p("auto-import", "def f():\n    cheap|", "cheapest"),
    _p("auto-import", "x = now_te|", "now_text"),
    _p("auto-import", "dataclas|", "dataclass"),
    _p("auto-import", "x = Decima|", "Decimal"),
    _p("auto-import", "x = dateti|", "datetime"),
    # f-strings
    _p("f-string", "from shop import Item\nx = Item('a', 1.0)\nf'{x.|}'", "name", "price"),
    _p("f-string", "name = 'a'\nf'hello {na|}'", "name"),
    _p("f-string", "name = 'a'\nf'hello {name.upp|", "upper"),
    # Broken code
    _p("broken", "from shop import Item\nx = Item('a', 1.0)\nif x.|\ny = 2", "name", "price"),
    _p("broken", "from shop import Item\ndef f(x: Item):\n    return (x.|\n\ndef g():\n    pass\n", "name", "price"),
    _p("broken", "from shop import Item\nx = [Item('a', 1.0).|\nclass B:\n    pass\n", "name", "price"),
    _p("broken", "import json\ntry:\n    json.du|\n", "dumps"),
    _p("broken", "def f(:\n    pass\nimport json\njson.du|", "dumps"),
    # Worker handlers and env
    _p(
        "env",
        WORKER + "    async def fetch(self, request):\n        self.env.|",
        "GREETING",
        "LIMIT",
        "API_KEY",
        "CACHE",
    ),
    _p("env", WORKER + "    async def fetch(self, request):\n        self.env.GREETING.upp|", "upper"),
    _p("env", WORKER + "    async def fetch(self, request):\n        self.env.CACHE.|", "get", "put", "delete", "list"),
    _p("env", "async def on_fetch(request, env, ctx):\n    env.|", "GREETING", "API_KEY"),
    _p("env", "from workers import env\nenv.|", "GREETING", "API_KEY"),
    _p("handler", WORKER + "    async def fetch(self, request):\n        request.|", "url", "method", "headers"),
    _p("handler", WORKER + "    async def fetch(self, request):\n        request.headers.|", "get"),
    _p("handler", "async def on_fetch(request, env, ctx):\n    request.|", "url", "method"),
    _p("handler", "async def on_fetch(request, env, ctx):\n    ctx.wai|", "wait_until"),
    _p(
        "handler",
        WORKER + "    async def fetch(self, request):\n        body = await request.json()\n        self.|",
        "env",
        "ctx",
    ),
    # Own names
    _p(
        "scope",
        "class A:\n    def __init__(self):\n        self.colour = 'a'\n    def f(self):\n        self.col|",
        "colour",
    ),
    _p(
        "scope",
        "class A:\n    def __init__(self):\n        self.colour = 'a'\n    def f(self):\n        self.|",
        "colour",
        "f",
    ),
    _p("scope", "def outer(first_arg: str):\n    def inner():\n        fir|", "first_arg"),
    _p("scope", "total_price = 1\ntot|", "total_price"),
    _p("scope", "class Animal:\n    legs = 4\nclass Dog(Animal):\n    tail = 1\nDog().|", "tail", "legs"),
    _p("scope", "for index, word in enumerate(['a']):\n    word.upp|", "upper"),
    _p("scope", "import js|", "json"),
    _p("scope", "class A:\n    def run(self): ...\n    def f(self):\n        return super().|", "__init__"),
]
