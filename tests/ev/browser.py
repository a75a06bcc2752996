"""A headless chromium driven over its DevTools pipe; needs nothing but the browser."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-unsafe-swiftshader",
    "--remote-debugging-pipe",
]

KEYS = {"ArrowRight": (39, ""), "Tab": (9, ""), "Enter": (13, "\r")}
"""Code of each key on Windows, and the text that it types."""


def find_chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page; ``errors`` collects what its console complains of."""

    def __init__(self, profile: Path, size=(1280, 900)):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def wire():
            # the pipe is expected at 3 and 4; via high numbers, so that neither is closed by the other
            first, second = os.dup2(to_browser, 60), os.dup2(from_browser, 61)
            os.dup2(first, 3)
            os.dup2(second, 4)

        command = [find_chromium(), *FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self._read, False)
        self._buffer, self._number, self._session = b"", 0, None
        self.errors, self.requests = [], []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, *, timeout=60.0, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            for answer in self._messages():
                if answer.get("id") == self._number:
                    if "error" in answer:
                        raise RuntimeError(f"{method}: {answer['error']['message']}")
                    return answer["result"]
            time.sleep(0.005)
        raise TimeoutError(f"{method}: no answer within {timeout} s")

    def _messages(self):
        try:
            while chunk := os.read(self._read, 1 << 20):
                self._buffer += chunk
        except BlockingIOError:
            pass
        *whole, self._buffer = self._buffer.split(b"\0")
        answers = [json.loads(one) for one in whole]
        for one in answers:
            told = one.get("params", {})
            if one.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(told["exceptionDetails"]))
            elif one.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
                self.errors.append(str(told["args"]))
            elif one.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
                self.errors.append(told["entry"]["text"])
            elif one.get("method") == "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
        return answers

    def run(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "script failed"))
        return answer["result"].get("value")

    def open(self, place: Path | str, ready: str, timeout=60.0):
        """Open a file or an address, and wait until the expression ``ready`` is true."""
        self.send("Page.navigate", url=place if isinstance(place, str) else place.resolve().as_uri())
        self.wait(ready, timeout)

    def wait(self, expression, timeout=30.0):
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            try:
                if self.run(expression):
                    return
            except RuntimeError as error:  # the page was left while it was asked: the next one is
                if "navigated" not in str(error):
                    raise
            time.sleep(0.05)
        raise TimeoutError(f"never true: {expression}; errors {self.errors}")

    def resize(self, width, height, *, dark=False):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def choose_file(self, selector, path: Path):
        """Put a file into an input of files, as the user does by its button."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path.resolve())])

    def click(self, x, y):
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            self.send(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=buttons,
                button="none" if kind == "mouseMoved" else "left", clickCount=0 if kind == "mouseMoved" else 1,
            )  # fmt: skip
            time.sleep(0.15)

    def drag(self, x, y, to_x, to_y):
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        time.sleep(0.1)
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", buttons=1, clickCount=1)
        for k in range(1, 9):
            at = {"x": x + (to_x - x) * k / 8, "y": y + (to_y - y) * k / 8}
            self.send("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at)
            time.sleep(0.02)
        self.send(
            "Input.dispatchMouseEvent", type="mouseReleased", x=to_x, y=to_y, button="left", buttons=0, clickCount=1
        )
        time.sleep(0.15)

    def key(self, name):
        code, text = KEYS[name]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, text=text)

    def screenshot(self, path: Path, *, whole=False):
        picture = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(picture))

    def close(self):
        try:
            self._session = None
            self.send("Browser.close", timeout=5)
            self._process.wait(5)
        except (TimeoutError, OSError, subprocess.TimeoutExpired, RuntimeError):
            self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)
