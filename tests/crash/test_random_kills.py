"""SIGKILL at random moments over a labelling run with a faulty server: no label differs, nothing is paid for twice.

``DUALCHECKER_KILLS=200 DUALCHECKER_RECORDS=2000 pytest tests/crash/test_random_kills.py -s`` takes some minutes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("DUALCHECKER_KILLS", "40"))
RECORDS = int(os.environ.get("DUALCHECKER_RECORDS", "300"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="lives are forked")
def test_a_run_that_is_killed_again_and_again_ends_like_an_unbroken_one(tmp_path: Path) -> None:
    script = Path(__file__).parent / "lives.py"
    command = [sys.executable, str(script), str(tmp_path), str(RECORDS), str(KILLS), "7"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-4000:]
    report = json.loads(ran.stdout)
    print(report)
    assert report["damaged"] == [], "the ledger is verified after each kill"
    assert report["sent_twice"] == 0, "what the ledger holds is never asked again"
    assert report["same_labels"] and report["same_requests"]
    assert report["kills"] == KILLS, "the run was over before"
    met = set(report["faults"]) - {"none"}
    assert len(met) >= 5 and sum(report["faults"][kind] for kind in met) >= 0.05 * report["requests"]
