"""May this folder hold the store? SQLite's locks and its shared memory do not work on network filesystems."""

from __future__ import annotations

import os
from pathlib import Path

from ..model.errors import HomeRefused

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "ceph", "glusterfs"}
    | {"lustre", "gpfs", "beegfs", "orangefs", "pvfs2", "davfs"}
)
_NETWORK_FUSE = frozenset(
    {"sshfs", "s3fs", "goofys", "gcsfuse", "rclone", "blobfuse", "blobfuse2", "davfs", "davfs2", "curlftpfs"}
    | {"smbnetfs", "glusterfs", "cephfs", "ceph-fuse", "juicefs", "mount-s3", "mountpoint-s3", "afpfs", "gvfsd-fuse"}
)


def network_filesystem(mounts: str, path: str) -> str:
    """The type of the network filesystem that holds the absolute `path`, or "" when it is a local one.

    `mounts` is the text of /proc/mounts (fstab(5): device, mount point, type, …; spaces written as \\040).
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = _unescape(fields[1])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # the deepest mount wins, the later one of two at the same place
            best, kind = point, fields[2]
    return kind if _is_network(kind) else ""


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _is_network(kind: str) -> bool:
    family, _, name = kind.partition(".")
    return kind in _NETWORK or (family == "fuse" and name in _NETWORK_FUSE)


def check_home(folder: Path) -> None:
    """Make `folder` where it is missing, private to its owner, and make sure that it can hold the store.

    Raises:
        HomeRefused: on a network filesystem, or not writable.
    """
    mounts = Path("/proc/mounts")
    kind = network_filesystem(mounts.read_text(), os.path.realpath(folder)) if mounts.exists() else ""
    if kind:
        raise HomeRefused(
            f"The home {folder} lies on a network filesystem ({kind}), where SQLite loses data.",
            "Choose a local folder with --home or $JUPYTER_FN_HOME, or a store on PostgreSQL (--store).",
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeRefused(
            f"The home {folder} cannot be made: {error.strerror}.", "Choose another folder with --home."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise HomeRefused(f"The home {folder} is not writable.", "Change its owner or mode, or choose another --home.")


def claim_file(path: Path) -> None:
    """Make the store's file, readable by its owner only (SQLite gives its companions the same mode).

    Raises:
        HomeRefused: it cannot be opened for writing.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise HomeRefused(
            f"The store {path} cannot be opened: {error.strerror}.",
            "Change its owner or mode, or choose another --home.",
        ) from None
