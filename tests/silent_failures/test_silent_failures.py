"""Each case still breaks the usual tools in silence, and Lepton Edge says so, or does it right."""

import re

import emulated
import pytest

from silent_failures.cases import CASES
from silent_failures.run import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("silent"))
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_is_caught(name, bench, tmp_path):
    case = CASES[name]
    found = bench.plain(case)
    if found is None:
        pytest.skip(emulated.MISSING)
    assert case.wrong(found), f"the usual tools no longer go wrong here: {found}"
    ours = case.ours(bench.model_file(case), tmp_path / "m.lepton")
    assert (ours.outcome, bool(re.search(case.says, ours.text))) == (case.outcome, True), ours.text
