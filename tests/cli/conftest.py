"""Archives on loopback, the same that the tests of `hepalith.server` use."""

from tests.server.conftest import orthanc, our_port, papers, running_orthanc, start_orthanc

__all__ = ["orthanc", "our_port", "papers", "running_orthanc", "start_orthanc"]
