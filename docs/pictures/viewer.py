"""Show a reading's DICOM objects in OHIF, served by a real Orthanc, and keep the picture.

Run::

    npm pack @ohif/app@3.13.2 && tar xzf ohif-app-3.13.2.tgz
    pip install playwright
    python docs/pictures/viewer.py --ohif package/dist

It needs Chromium, Node's npm for the first line, and Orthanc with its DICOMweb plug-in (Debian: ``chromium``,
``orthanc-dicomweb``). Nothing leaves this machine: a page of its own serves the viewer and passes its
questions on to Orthanc.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import json
import shutil
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.server.orthanc import Orthanc  # noqa: E402

from hepalith.cli import main as hepalith  # noqa: E402

HERE = Path(__file__).resolve().parent

WIDTH, HEIGHT = 1500, 900

SERVICES = "/dicom-web"

CONFIG = """window.config = {
  routerBasename: null, extensions: [], modes: [], customizationService: {}, showStudyList: true,
  maxNumberOfWebWorkers: 2, showCPUFallbackMessage: false, investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'here',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'here',
    configuration: {
      friendlyName: 'here', name: 'here', qidoRoot: '/dicom-web', wadoRoot: '/dicom-web',
      wadoUriRoot: '/dicom-web', imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsWildcard: true, omitQuotationForMultipartRequest: true,
      bulkDataURI: { enabled: true, relativeResolution: 'studies' },
    },
  }],
};"""
"""What OHIF is told: one source of data, the page's own host."""

LOAD_MS, DRAW_MS, PATIENCE_MS = 25_000, 12_000, 60_000
"""How long the viewer is given to load a study, to draw what was asked for without a graphics card, and to
offer what is to be clicked."""


class Door(http.server.SimpleHTTPRequestHandler):
    """Serves the viewer's files, and passes DICOMweb on to Orthanc."""

    viewer: Path
    orthanc_port: int

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, directory=str(self.viewer), **named)

    def log_message(self, *_words: object) -> None:
        """Say nothing of each request."""

    def do_GET(self) -> None:
        """Answer one request."""
        path = urllib.parse.urlsplit(self.path).path
        if path.startswith(SERVICES):
            self.pass_on()
        elif path == "/app-config.js":
            self.give(CONFIG.encode(), "text/javascript")
        else:
            if not (self.viewer / path.lstrip("/")).is_file():
                self.path = "/index.html"  # the viewer's own addresses are all one page
            super().do_GET()

    def pass_on(self) -> None:
        """Ask Orthanc the same, and give its answer."""
        asked = http.client.HTTPConnection("localhost", self.orthanc_port, timeout=60)
        asked.request("GET", self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
        answer = asked.getresponse()
        self.give(answer.read(), answer.getheader("Content-Type", ""), answer.status)
        asked.close()

    def give(self, body: bytes, kind: str, status: int = 200) -> None:
        """Send one answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(viewer: Path, orthanc_port: int) -> Iterator[str]:
    """Serve the viewer on loopback; give its address."""
    door = type("OneDoor", (Door,), {"viewer": viewer.resolve(), "orthanc_port": orthanc_port})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def store(orthanc: Orthanc, files: list[Path]) -> str:
    """Put files into Orthanc; return the UID of the one study that it then has."""
    for file in files:
        asked = http.client.HTTPConnection("localhost", orthanc.http_port)
        asked.request("POST", "/instances", body=file.read_bytes())
        answer = asked.getresponse()
        if answer.status != 200:
            raise SystemExit(f"Orthanc refuses {file.name}: {answer.status}")
        answer.read()
        asked.close()
    asked = http.client.HTTPConnection("localhost", orthanc.http_port)
    asked.request("GET", f"{SERVICES}/studies")
    (study,) = json.loads(asked.getresponse().read())
    uid: str = study["0020000D"]["Value"][0]
    return uid


def open_study(page: Page, address: str, uid: str) -> None:
    """Open the study, and put the viewer's introduction aside."""
    page.goto(f"{address}/viewer?StudyInstanceUIDs={uid}", wait_until="domcontentloaded")
    page.wait_for_timeout(LOAD_MS)
    page.get_by_text("Skip all").click(timeout=PATIENCE_MS)


def show_segments(page: Page, slices_down: int) -> None:
    """Load our segmentation onto the CT, and go to the slices of the foci."""
    page.get_by_text("hepalith: liver and foci").first.dblclick()
    page.get_by_text("Yes", exact=True).click(timeout=PATIENCE_MS)
    page.wait_for_timeout(DRAW_MS)
    page.mouse.move(WIDTH / 2, HEIGHT / 2)
    for _ in range(slices_down):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(60)
    page.wait_for_timeout(DRAW_MS // 3)


def show_report(page: Page) -> None:
    """Open our measurement report: outlines with their numbers, on the slice of the first."""
    page.get_by_text("hepalith: measurements").first.dblclick()
    page.get_by_text("No", exact=True).wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(DRAW_MS)


def keep(page: Page, folder: Path, picture: Path) -> None:
    """Write a picture of the page, in few colours."""
    page.screenshot(path=folder / "page.png")
    Image.open(folder / "page.png").convert("RGB").quantize(256).save(picture, optimize=True)


def main() -> None:
    """Make the demo, read it, show it, keep the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ohif", type=Path, required=True, help="the folder dist of the package @ohif/app")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--slices-down", type=int, default=22, help="how far below the top one the slice is")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hepalith-viewer-"))
    orthanc = Orthanc(folder / "orthanc").start()
    try:
        reading = folder / "demo" / "reading"
        made = hepalith(["demo", "--out", str(folder / "demo")])
        if made or hepalith(["write", str(reading), "--write", "seg,sr"]):
            raise SystemExit("the demo could not be made")
        slices = sorted((folder / "demo" / "study" / "dicom").rglob("*.dcm"))
        uid = store(orthanc, [*slices, *sorted(reading.glob("*.dcm"))])
        with served(arguments.ohif, orthanc.http_port) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=arguments.chromium, args=["--no-sandbox", "--enable-unsafe-swiftshader"]
            )
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            open_study(page, address, uid)
            show_report(page)
            keep(page, folder, HERE / "ohif_report.png")
            page.close()
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            open_study(page, address, uid)
            show_segments(page, arguments.slices_down)
            keep(page, folder, HERE / "ohif_segmentation.png")
            browser.close()
    finally:
        orthanc.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
