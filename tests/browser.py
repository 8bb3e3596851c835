"""A headless Chromium that tests drive by real keys and the real pointer, over the pipe of its DevTools protocol.

Reads, writes: a profile in a folder that the test gives. Run: no command of its own; test_review_page.py uses it.
"""

import json
import os
import shutil
import subprocess
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1000,1400 --remote-debugging-pipe"
)
CODES = {"Enter": 13, "Escape": 27, "Delete": 46, "ArrowLeft": 37, "ArrowRight": 39}


class Browser:
    """One page. The pipe: Chromium reads commands from its descriptor 3 and writes answers to 4, each ended by a NUL."""

    def __init__(self, profile):
        read, self._out = os.pipe()
        self._in, write = os.pipe()
        command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
        moved = ["bash", "-c", f'exec "$0" "$@" 3<&{read} 4>&{write}', *command]
        self._process = subprocess.Popen(moved, pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(read)
        os.close(write)
        self._buffer, self._number, self._session = b"", 0, {}
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]}

    def call(self, method, **parameters):
        """One command of the protocol -> its result; the events that come between are dropped."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                more = os.read(self._in, 65536)
                assert more, "Chromium ended"
                self._buffer += more
            text, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, address, ready):
        """Go to an address and wait until an expression of JavaScript holds there."""
        self.call("Page.navigate", url=address)
        self.wait(ready)

    def value(self, expression):
        """What an expression of JavaScript gives in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def text(self, selector):
        return self.value(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")

    def wait(self, expression, seconds=20):
        """Wait until an expression holds."""
        end = time.monotonic() + seconds
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < end, f"{expression} never held; the page: {self.text('body')[:600]}"
            time.sleep(0.02)

    def press(self, *keys):
        """Press keys one after another: letters, or the names in CODES."""
        for key in keys:
            code = CODES.get(key, ord(key[0].upper()))
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            press = {"type": "keyDown", "key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
            self.call("Input.dispatchKeyEvent", **press)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def type(self, text):
        """Type into what has the focus, in place of what is marked there."""
        self.call("Input.insertText", text=text)

    def point_at(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def close(self):
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._out)
        os.close(self._in)
