"""The score: how often what a person expects stands in the first ten of the settled list. The set is ``probes``."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.language.conftest import Client
from tests.language.probes import BINDINGS, PROBES, SECRETS, VARIABLES, Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEEDED = 0.95


async def first_ten(client: Client, probe: Probe) -> list[str]:
    client.session.workspace_changed({"main.py": "".join(probe.text.rsplit("|", 1)), **probe.files})
    return [item["label"] for item in (await client.settled("main.py", probe.text))[:10]]


async def test_what_a_person_expects_stands_in_the_first_ten(
    client: Client, record_property: pytest.RecordProperty, capsys: pytest.CaptureFixture[str]
) -> None:
    client.session.settings_changed(variables=VARIABLES, secrets=SECRETS, bindings=BINDINGS)
    missed: list[str] = []
    kinds: Counter[str] = Counter()
    for probe in PROBES:
        labels = await first_ten(client, probe)
        lacking = set(probe.labels) - set(labels)
        if lacking:
            kinds[probe.kind] += 1
            missed.append(f"{probe.kind}: {probe.text[-60:]!r} lacks {sorted(lacking)}, has {labels}")
    score = f"{len(PROBES) - len(missed)} of {len(PROBES)}"
    record_property("completion probes", score)
    with capsys.disabled():
        print(f"\ncompletion probes: {score}")
    assert len(PROBES) >= 60
    assert len(PROBES) - len(missed) >= NEEDED * len(PROBES), "\n".join([score, *missed])
