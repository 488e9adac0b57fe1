import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_benchmarks_print_tables_of_ratios():
    command = [sys.executable, "-m", "benchmarks", "overhead", "preprocess", "--seconds", "0.1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    tables = [table for found in json.loads(done.stdout).values() for table in found]
    assert [len(found) for found in json.loads(done.stdout).values()] == [2, 3]
    bare, *ours = tables[0]["rows"]
    assert bare[tables[0]["columns"].index("× bare")] == 1
    assert all(row[1] > 0 for row in ours)
