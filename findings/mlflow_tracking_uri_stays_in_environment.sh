#!/usr/bin/env bash
# MLflow 3.17.2: set_tracking_uri writes MLFLOW_TRACKING_URI into the environment of the process,
# also where the user has set nothing (source: mlflow/tracking/_tracking_service/utils.py). A
# program that works in two folders, and asks the environment whether the user has named a store,
# takes the first folder's store for the user's choice in the second.
# Seen: the variable is unset before the call and holds the first store behind it, and a child
# process inherits it. Fails if the variable stays unset.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2
cd "$folder"
env -u MLFLOW_TRACKING_URI "$folder/venv/bin/python" - <<'PY'
import os
import subprocess
import sys

import mlflow

name = "MLFLOW_TRACKING_URI"
print(f"mlflow {mlflow.__version__}; before: {os.environ.get(name)}")
assert name not in os.environ
mlflow.set_tracking_uri("sqlite:///first.db")
print(f"behind set_tracking_uri: {os.environ.get(name)}")
assert os.environ.get(name) == "sqlite:///first.db", "it is not written any more"
child = [sys.executable, "-c", f"import os; print(os.environ.get('{name}'))"]
inherited = subprocess.run(child, capture_output=True, text=True, check=True).stdout.strip()
print(f"in a child process: {inherited}")
assert inherited == "sqlite:///first.db"
PY
