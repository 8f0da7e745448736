"""Why the system refuses to read or write a file, and what to do about it."""

from __future__ import annotations

import errno

_AGAIN = "and run the same command again"

_REASONS = {
    errno.ENOSPC: f"the disk is full; make room {_AGAIN}",
    errno.EDQUOT: f"the quota of the disk is used up; make room {_AGAIN}",
    errno.EFBIG: f"a limit on the size of files is reached; raise it (`ulimit -f`) {_AGAIN}",
    errno.EROFS: "the file system is read-only; choose another folder, or mount it for writing",
    errno.EACCES: "permission is denied; change the permissions, or choose another folder",
    errno.EPERM: "the operation is not permitted; change the permissions, or choose another folder",
    errno.EIO: f"the disk fails (input/output error); check it {_AGAIN}, or choose another one",
    errno.EMFILE: f"too many open files; raise the limit (`ulimit -n 4096`) {_AGAIN}",
    errno.ENFILE: f"too many open files on this machine; close other programs {_AGAIN}",
}
if hasattr(errno, "ESTALE"):
    _REASONS[errno.ESTALE] = "the network file system has lost it; run the same command again"


def reason_of(error: OSError) -> str:
    """Return why the system refused, and what to do; the system's own words for rarer errors."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def file_of(error: OSError) -> str | None:
    """Return the file that an error is about: of a copy, the one for which there is no room."""
    written = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
    file: str | None = error.filename2 if written and error.filename2 else error.filename
    return file
