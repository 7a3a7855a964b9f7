"""Where a home may lie."""

import pytest

from jupyter_fn.model.errors import HomeRefused
from jupyter_fn.store import home
from jupyter_fn.store.home import check_home, network_filesystem

MOUNTS = r"""sysfs /sys sysfs rw 0 0
/dev/vda1 / ext4 rw,relatime 0 0
server:/export /home nfs4 rw,vers=4.2 0 0
/dev/vdb1 /home/local ext4 rw 0 0
//box/share /mnt/my\040share cifs rw 0 0
me@box:/data /mnt/ssh fuse.sshfs rw 0 0
archive /mnt/zip fuse.archivemount rw 0 0
old /mnt/twice nfs rw 0 0
/dev/vdc1 /mnt/twice xfs rw 0 0
host /mnt/host 9p rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/home", ""),
        ("/home/me/fn", "nfs4"),
        ("/home", "nfs4"),
        ("/homely", ""),
        ("/home/local/fn", ""),
        ("/mnt/my share/fn", "cifs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/mnt/zip/fn", ""),
        ("/mnt/twice/fn", ""),
        ("/mnt/host/fn", "9p"),
    ],
)
def test_the_deepest_mount_decides(path, kind):
    assert network_filesystem(MOUNTS, path) == kind


def test_mounts_that_cannot_be_read_refuse_nothing():
    assert network_filesystem("", "/home") == ""
    assert network_filesystem("one two", "/home") == ""


def test_a_home_on_a_network_filesystem_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(home, "network_filesystem", lambda mounts, path: "nfs4")
    with pytest.raises(HomeRefused, match=r"network filesystem \(nfs4\)") as refused:
        check_home(tmp_path / "home")
    assert "--home" in refused.value.remedy
    assert not (tmp_path / "home").exists()


def test_a_home_is_made_and_is_its_owners_only(tmp_path):
    check_home(tmp_path / "a" / "home")
    assert (tmp_path / "a" / "home").stat().st_mode & 0o777 == 0o700


def test_a_home_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeRefused, match="cannot be made"):
        check_home(tmp_path / "file" / "home")
