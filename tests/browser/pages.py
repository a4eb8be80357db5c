#!/usr/bin/env python3
"""Opens the program's HTML reports in chromium and uses them: sorts, filters, points at figures, with the mouse and with
the keyboard, at three widths, dark, and printed. Fails on any console line, any request to anywhere, a page that is
wider than its window, or one of more than 1.5 MB.

    pages.py PROGRAM [--pictures FOLDER] [--database FILE] [--most-seconds S] [NAME...]

It prints each page's size and how long it took to open (the median of the three widths); --most-seconds makes a page
that took longer a failure. Skipped (exit 77) where there is no chromium. --pictures keeps what was seen as PNG files. It needs nothing beyond
Python's standard library: it speaks the DevTools protocol over a pipe.
"""

import argparse
import base64
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

import simulated

MOST_BYTES = 1_500_000
WIDTHS = {"wide": (1280, 900), "middle": (768, 1024), "phone": (375, 812)}
PATIENCE_S = 60


class Browser:
    """One chromium, one page: requests go out on its descriptor 3, answers and events come in on 4."""

    def __init__(self, program, profile):
        to_browser, self.out = os.pipe()
        self.inward, from_browser = os.pipe()

        def place_descriptors():
            spare_in, spare_out = os.dup(to_browser), os.dup(from_browser)
            os.dup2(spare_in, 3)
            os.dup2(spare_out, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
             "--disable-extensions", "--disable-background-networking", f"--user-data-dir={profile}",
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place_descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.number, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.rest:
            piece = os.read(self.inward, 1 << 16)
            if not piece:
                raise SystemExit("pages: chromium ended by itself")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"pages: {method}: {answer['error']['message']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self, path):
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        until = time.monotonic() + PATIENCE_S
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < until, f"{path}: was not loaded"
            time.sleep(0.05)

    def set_size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 500)

    def press(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text if kind == "keyDown" else "",
                      windowsVirtualKeyCode=13 if key == "Enter" else 27)

    def hover(self, selector):
        x, y = self.evaluate(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        time.sleep(0.1)  # scrolling hides tips, and its event comes a frame later
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path, height):
        size = self.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], height), "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait()


# Sorts by every column, both ways, and says which were not in order.
SORTING = """(() => Array.from(document.querySelectorAll('section.table table')).flatMap((table) =>
    Array.from(table.tHead.rows[0].cells).flatMap((head, column) => [1, 2].flatMap(() => {
        head.querySelector('button').click();
        const down = head.getAttribute('aria-sort') === 'descending';
        const values = Array.from(table.tBodies[0].rows, (row) => row.cells[column].dataset.value)
            .filter((value) => value !== undefined).map(Number);
        const right = values.every((value, i) => !i || (down ? values[i - 1] >= value : values[i - 1] <= value));
        return right ? [] : [head.textContent + (down ? ' down' : ' up')];
    }))))()"""

# Types a word of the last row into each table's filter, then takes it out again; says what didn't work.
FILTERING = """(() => Array.from(document.querySelectorAll('section.table')).flatMap((section) => {
    const input = section.querySelector('.tools input');
    if (!input) return [];
    const rows = Array.from(section.querySelectorAll('tbody tr'));
    const shown = () => rows.filter((row) => !row.hidden);
    const type = (text) => { input.value = text; input.dispatchEvent(new Event('input', {bubbles: true})); };
    const wrong = [], word = rows.at(-1).cells[0].textContent.trim();
    type(word);
    if (!shown().length || !shown().every((row) => row.textContent.toLowerCase().includes(word.toLowerCase())))
        wrong.push('filter ' + word);
    type('no row has these words');
    if (shown().length || !section.querySelector('output').textContent.startsWith('0 of')) wrong.push('filter none');
    type('');
    if (shown().length !== rows.length) wrong.push('filter all');
    for (const select of section.querySelectorAll('select')) {
        select.selectedIndex = 1;
        select.dispatchEvent(new Event('input', {bubbles: true}));
        if (!shown().length || shown().length === rows.length) wrong.push('select ' + select.ariaLabel);
        select.selectedIndex = 0;
        select.dispatchEvent(new Event('input', {bubbles: true}));
    }
    return wrong;
}))()"""


def complaints(browser, path):
    """What the console said, and what was asked for besides the page itself."""
    found = []
    for event in browser.events:
        name, about = event["method"], event["params"]
        if name == "Runtime.consoleAPICalled":
            found.append(f"console: {about['args']}")
        elif name == "Runtime.exceptionThrown":
            found.append(f"exception: {about['exceptionDetails']['text']}")
        elif name == "Log.entryAdded":
            found.append(f"log: {about['entry']['text']}")
        elif name == "Network.requestWillBeSent" and about["request"]["url"] != path.as_uri():
            found.append(f"request: {about['request']['url'][:200]}")
    return found


# From the first byte asked for to the end of what the page does by itself when it is there.
OPENED = """(() => { const all = performance.getEntriesByType('navigation')[0]; return all.loadEventEnd / 1000; })()"""


def check(browser, path, most_seconds):
    wrong, opened = [], []
    if path.stat().st_size > MOST_BYTES:
        wrong.append(f"{path.stat().st_size} bytes")
    for name, (width, height) in WIDTHS.items():
        browser.set_size(width, height)
        browser.open(path)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            wrong.append(f"{name}: {wide} pixels wide in a window of {width}")
        wrong += [f"{name}: {line}" for line in complaints(browser, path)]
        opened.append(browser.evaluate(OPENED))
    if most_seconds and statistics.median(opened) > most_seconds:
        wrong.append(f"opens in {statistics.median(opened):.2f} s")
    browser.set_size(*WIDTHS["wide"])
    wrong += [f"sort {what}" for what in browser.evaluate(SORTING)]
    wrong += browser.evaluate(FILTERING)
    if browser.evaluate("!document.querySelector('.answer') && document.querySelector('main > p') !== null"):
        wrong.append("no answer on top")
    if browser.evaluate("document.querySelector('thead button') !== null"):
        browser.evaluate("document.querySelector('thead button').focus()")
        before = browser.evaluate("document.querySelector('thead th').getAttribute('aria-sort')")
        browser.press("Enter", "\r")
        if browser.evaluate("document.querySelector('thead th').getAttribute('aria-sort')") == before:
            wrong.append("Enter doesn't sort")
    if browser.evaluate("document.querySelector('g.point[data-tip] circle') !== null"):
        browser.hover("g.point[data-tip] circle")
        if browser.evaluate("document.querySelector('#tip').hidden"):
            wrong.append("no tip where the mouse points")
        browser.press("Escape")
        if not browser.evaluate("document.querySelector('#tip').hidden"):
            wrong.append("Escape leaves the tip")
    if len(base64.b64decode(browser.call("Page.printToPDF")["data"])) < 5000:
        wrong.append("nothing is printed")
    return wrong + complaints(browser, path), statistics.median(opened)


def take_pictures(browser, path, folder):
    for name, (width, height) in WIDTHS.items():
        browser.set_size(width, height)
        browser.open(path)
        browser.picture(folder / f"{path.stem}-{width}.png", 2400)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.set_size(*WIDTHS["wide"])
    browser.open(path)
    browser.picture(folder / f"{path.stem}-dark.png", 2400)
    pdf = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"]
    (folder / f"{path.stem}.pdf").write_bytes(base64.b64decode(pdf))
    browser.call("Emulation.setEmulatedMedia", features=[])


COMMANDS = {
    "probe": ["probe"],
    "fit": ["fit", "--no-calibrate", "--memory", "16GiB"],
    "explain": ["explain", "gpt2/gpt2-124m/train/f32/b4/s64", "--no-calibrate"],
    "doctor": ["doctor"],
    "list": ["list", "models"],
}


HOSTILE = "<img src=http://192.0.2.1/x onerror=alert(1)>\"'&</script><script>alert(2)</script>\u202e=1+1"


def hostile_run():
    """A run such as a stranger might hand over: markup wherever there are words."""
    def case(number):
        seconds = 0.01 * (number + 1)
        return {"id": f"mlp/{HOSTILE}{number}/forward", "family": "mlp", "model": HOSTILE[:60], "task": HOSTILE[:30],
                "mode": "forward", "dtype": "f32", "batch": 1, "device": "cpu", "threads": 2,
                "status": ("ok", "noisy", "failed", "skipped")[number % 4], "reason": HOSTILE,
                "parameters": 1000, "flops": 1e9, "bytes": 1e8,
                "memory": {"planned_bytes": 4000 * (number + 1), "weights_bytes": 3000, "activations_bytes": 1000},
                "samples_s": [seconds], "time_s": {"median": seconds, "low": 0.9 * seconds, "high": 1.1 * seconds,
                                                   "confidence": 0.95},
                "throughput": {"value": 1 / seconds, "unit": HOSTILE[:20]}, "gflops": 0.1 / seconds, "bound": "compute"}
    machine = {"schema": "benchmark.machine/1", "fingerprint": "00" * 16, "name": HOSTILE,
               "cpu": {"model": HOSTILE, "packages": 1, "cores": 2, "threads": 4},
               "caches": [{"level": 2, "type": "unified", "size_bytes": 1 << 20, "shared_by_threads": 2, "count": 2}],
               "memory": {"total_bytes": 1 << 34, "limit_bytes": 1 << 34, "limited_by": "physical"},
               "gpus": [{"name": HOSTILE, "backend": "opencl", "memory_bytes": 1 << 33}],
               "ceilings": {"peak_f32_gflops": 500, "read_gbs": 30}, "warnings": [HOSTILE]}
    return {"schema": "benchmark.run/1", "id": "0123456789abcdef", "started": "2026-01-01T00:00:00.000Z",
            "finished": "2026-01-01T00:01:00.000Z", "command": ["benchmark", HOSTILE], "suite": HOSTILE[:90], "note": HOSTILE,
            "machine": machine, "cases": [case(number) for number in range(12)]}


def run_of_all(program):
    """A run of suite all, with figures made up for every case that it has."""
    answer = subprocess.run([program, "list", "cases", "--json"], capture_output=True, check=True)
    names = [item["name"] for item in json.loads(answer.stdout)["items"]]
    first = simulated.runs()[0]
    cases = []
    for number, name in enumerate(names):
        one = dict(first["cases"][number % len(first["cases"])])
        family, model, mode, dtype = name.split("/")[:4]
        one.update(id=name, family=family, model=model, mode=mode, dtype=dtype)
        cases.append(one)
    return dict(first, cases=cases)


# Candidates, a data sheet and a workload: what a buyer's page has on it.
WORKLOAD = {"name": "chat", "weights": {"*/decode/*": 3},
            "demands": ["llama-3-8b decode q4_K_M >= 2 tokens/s", "gpt2-124m train >= 2000 tokens/s total"]}
BOUGHT = ["--workload", "chat", "--price", "rack-a=4000", "--price", "rack-b=6500", "--price", "rack-c=900",
          "--price", "NVIDIA L4=2500", "--watts", "rack-a=350", "--watts", "rack-b=500", "--watts", "rack-c=120"]


def write_runs(options, folder):
    """Commands that tell of runs: of simulated machines, of all cases, and of names that are hostile."""
    simulated.write(folder)
    (folder / "chat").write_text(json.dumps(WORKLOAD))
    (folder / "all.json").write_text(json.dumps(run_of_all(options.program)))
    (folder / "hostile.json").write_text(json.dumps(hostile_run()))
    runs = [str(folder / f"{name}.json") for name in ("rack-a", "rack-b", "rack-c")]
    return {"compare": ["compare", *runs, "NVIDIA L4", *[str(folder / "chat") if word == "chat" else word for word in BOUGHT]],
            "compare-two": ["compare", *runs[:2]], "compare-hostile": ["compare", str(folder / "hostile.json"), runs[0]],
            "all": ["report", str(folder / "all.json")], "validate": ["validate"]}


def write_pages(options, folder):
    """A page of each command that needs no measuring, and one of a run whose names are hostile."""
    commands = dict(COMMANDS, **write_runs(options, folder))
    if options.database:
        commands["report"] = ["report"]
    else:
        commands["report"] = ["report", str(folder / "hostile.json")]
    database = options.database or str(folder / "made.db")
    if not options.database and (not options.names or "validate" in options.names):
        subprocess.run([options.program, "run", "--suite", simulated.MEASURED, "--max-runs", "3", "--warmup", "1", "--db", database],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    for name, command in commands.items():
        if options.names and name not in options.names:
            continue
        page = folder / f"{name}.html"
        subprocess.run([options.program, *command, "--format", "html", "-o", str(page), "--db", database],
                       stderr=subprocess.DEVNULL, check=False)
        assert page.exists(), f"{command}: wrote no page"
        yield page


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--database")
    parser.add_argument("--most-seconds", type=float)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        print("skipped: there is no chromium (Debian: apt-get install chromium)")
        return 77
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        browser = Browser(chromium, folder / "profile")
        try:
            for page in write_pages(options, folder):
                wrong, opened = check(browser, page, options.most_seconds)
                print(f"{page.stem}: {page.stat().st_size} bytes, opened in {opened:.2f} s" + "".join(f"\n    {line}" for line in wrong))
                failed |= bool(wrong)
                if options.pictures:
                    take_pictures(browser, page, options.pictures)
        finally:
            browser.close()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
