from __future__ import annotations

import tomllib

from extensions.catalogue import FEATURES, SERVICE
from tests.scratch import ROOT


def test_one_environment_runs_every_service() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    features = (SERVICE, *FEATURES)
    wanted = {requirement for feature in features for requirement in (*feature.runtime, *feature.test, *feature.lint)}
    given = set(groups["services"])
    mend = [f'add     "{line}",' for line in sorted(wanted - given)]
    mend += [f'remove  "{line}",' for line in sorted(given - wanted)]
    assert not mend, "in the group `services` of pyproject.toml:\n" + "\n".join(mend)
    assert {"include-group": "services"} in groups["dev"]
