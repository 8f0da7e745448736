import pytest

from crossimage.files import atomic, write_text


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_appears_only_when_it_is_complete(tmp_path, durable):
    path = tmp_path / "x"
    with atomic(path, durable=durable) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "none" / "x"):
        pass


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "x", "Straße\n")
    assert (tmp_path / "x").read_bytes() == "Straße\n".encode()
