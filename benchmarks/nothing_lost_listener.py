"""A listener to be killed: `hepalith listen` with a reader and an archive that are quick and keep count.

Run: ``python nothing_lost_listener.py PLAN``, a JSON file that `nothing_lost.Hospital` writes.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom import dcmread

from hepalith.errors import DeliveryError
from hepalith.server.dimse.incoming import Incoming
from hepalith.server.dimse.receiver import DimseReceiver, Door
from hepalith.server.job.job import Persistence
from hepalith.server.listen import Listener, Plan
from hepalith.server.remote import Address, Fetched, FoundStudy, Query, Stored
from hepalith.server.worker import Reader


class CountingArchive:
    """An archive in a folder, in which every time that it takes an object leaves a file of its own.

    It is away while the folder holds a file ``away``.
    """

    def __init__(self, address: Address, folder: Path, seconds: float) -> None:
        self._address, self._folder, self._seconds = address, folder, seconds

    @property
    def address(self) -> Address:
        """Where it is."""
        return self._address

    def echo(self) -> None:
        """Answer, unless it is away."""
        if (self._folder / "away").exists():
            raise DeliveryError(f"{self._address} does not answer")

    def find(self, query: Query) -> Iterator[FoundStudy]:
        """Find nothing: nobody asks."""
        raise NotImplementedError

    def fetch(self, study_uid: str, into: Path, series_uids: Sequence[str] = ()) -> Fetched:
        """Give nothing: nobody asks."""
        raise NotImplementedError

    def store(self, files: Sequence[Path]) -> tuple[Stored, ...]:
        """Take files, slowly; each is taken at one moment, halfway."""
        self.echo()
        answers = []
        for file in files:
            uid = str(dcmread(file, stop_before_pixels=True).SOPInstanceUID)
            part = self._folder / f".{os.getpid()}.{uid}"
            shutil.copyfile(file, part)
            time.sleep(self._seconds / 2)
            times = len(list(self._folder.glob(f"{uid}#*")))
            part.rename(self._folder / f"{uid}#{times + 1}")
            time.sleep(self._seconds / 2)
            answers.append(Stored(file, uid, accepted=True))
        return tuple(answers)

    def holds(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:  # noqa: ARG002
        """Return whether an object was taken."""
        self.echo()
        return any(self._folder.glob(f"{sop_instance_uid}#*"))


def main() -> None:
    """Listen until stopped."""
    said = json.loads(Path(sys.argv[1]).read_text())
    logging.basicConfig(
        filename=said["log"], format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO
    )
    archive = Path(said["archive"])
    plan = Plan(
        data=Path(said["data"]),
        reader=Reader(tuple(said["reader"]), limit_s=said["limit_s"]),
        quiet_s=said["quiet_s"],
        addresses=(Address("dimse", "127.0.0.1", 1, "ARCHIVE"),),
        persistence=Persistence(**said["persistence"]),
        tick_s=0.02,
    )
    with Listener(plan, lambda address: CountingArchive(address, archive, said["store_s"])) as listener:
        signal.signal(signal.SIGTERM, lambda *_: listener.stop())
        incoming = Incoming(listener.data.incoming)
        with DimseReceiver(incoming, Door(port=said["port"]), listener.callbacks):
            listener.run()


if __name__ == "__main__":
    main()
