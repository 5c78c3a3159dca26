"""A real JupyterLab on a copy of the notebooks, and a Chromium to open it; for the browser tests and a benchmark."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from threading import Thread

import nbformat

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}


def chromium():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def launch(playwright):
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    frugal = ["--disable-gpu", "--disable-gpu-rasterization", "--in-process-gpu", "--disable-smooth-scrolling"]
    return playwright.chromium.launch(executable_path=chromium(), args=quiet + frugal)


def write_notebook(file, sources):
    """Write a notebook with these cells of code."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), file)


class JupyterLab:
    def __init__(self, home, data_folder):
        self.root = home / "course"
        shutil.copytree(ROOT / "notebooks", self.root / "notebooks")
        for folder in ("checkpoints", "results"):
            shutil.copytree(ROOT / "data" / folder, self.root / "data" / folder)
        for name, settings in SETTINGS.items():
            file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        # Between two notebooks a launcher would open and could come to lie on the second.
        (home / "config" / "labconfig").mkdir(parents=True)
        disabled = {"disabledExtensions": {"@jupyterlab/launcher-extension:plugin": True}}
        (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(disabled))
        (home / "empty").mkdir()
        folders = {
            **{"HOME": "home", "IPYTHONDIR": "ipython", "MPLCONFIGDIR": "matplotlib"},
            **{"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "jupyter-data", "JUPYTER_RUNTIME_DIR": "runtime"},
            **{"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"},
        }
        environment = os.environ | {name: str(home / folder) for name, folder in folders.items()}
        environment |= {"ECA_EDU_DATA": str(data_folder or home / "empty"), "ECA_EDU_OFFLINE": "1"}
        self.token = secrets.token_hex(16)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
        command += ["--ServerApp.port=0", f"--IdentityProvider.token={self.token}"]
        command += [f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True"]
        command += ["--LabApp.extension_manager=readonly", "--KernelManager.shutdown_wait_time=0.2"]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        log = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+(?=/lab\?token)", log)):
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError(f"JupyterLab did not start:\n{log}")
            log += line
        self.address = found.group()
        self.log = Thread(target=self._keep_log, args=(home / "jupyterlab.log",), daemon=True)
        self.log.start()

    def _keep_log(self, file):
        with open(file, "w") as log:
            log.writelines(self.process.stderr)

    def end_kernels(self):
        """End the kernels of all notebooks, so that the next one to be opened gets a fresh one."""
        for session in json.loads(self._ask("GET", "sessions")):
            self._ask("DELETE", f"sessions/{session['id']}")

    def _ask(self, method, what):
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{what}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()

    def close(self):
        self.end_kernels()
        self.process.kill()
        self.process.wait()
        self.log.join()
