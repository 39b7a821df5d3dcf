"""ONNX Runtime's telemetry is switched off by the first import of Clothier, or the user is told that it is not."""

from __future__ import annotations

import os
import subprocess
import sys


def imported(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env={**plain, **environment}
    )


def test_the_import_switches_it_off_even_where_the_environment_says_on() -> None:
    done = imported("import clothier, os; print(os.environ['ORT_DISABLE_TELEMETRY'])", ORT_DISABLE_TELEMETRY="0")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_an_earlier_import_of_onnx_runtime_warns() -> None:
    done = imported("import onnxruntime, clothier")
    assert "telemetry is on" in done.stderr
    assert imported("import onnxruntime, clothier", ORT_DISABLE_TELEMETRY="1").stderr == ""
