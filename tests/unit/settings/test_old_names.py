"""Names of earlier versions are accepted from every source, with one note for each."""

import re
from pathlib import Path

import pytest

from authsvc.errors import BadSetting
from authsvc.settings import REMOVED, RENAMED, Settings, allowed_range, load


def valid(name: str) -> str:
    """Return a value that a setting accepts and that is not its default, as the environment spells it."""
    if name == "public_url":
        return "https://img.example.com"
    if name == "extra_hosts":
        return "a.example,b.example"
    if allowed_range(name) == "true or false":
        return "false"
    return str(int(allowed_range(name).split(" to ")[1].split()[0]) - 1)


def test_renamed_setting_is_a_present_one() -> None:
    assert set(RENAMED.values()) <= set(Settings.model_fields)
    assert not {*RENAMED, *REMOVED} & set(Settings.model_fields)


@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=RENAMED.keys())
def test_old_name_in_the_file_counts_with_a_note(folder: Path, old: str, new: str) -> None:
    file = folder / "my.toml"
    file.write_text(f'{old} = "{valid(new)}"\n')
    loaded = load(config=file)
    assert getattr(loaded.settings, new) == getattr(load(flags={new: valid(new)}).settings, new)
    assert loaded.origins[new] == "file"
    assert loaded.notes == (f"setting {old} is now called {new}; rename it in {file}",)


@pytest.mark.parametrize("spelled", [str.upper, str.lower], ids=["capitals", "small letters"])
@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=RENAMED.keys())
@pytest.mark.usefixtures("folder")
def test_old_name_in_the_environment_counts_with_a_note(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str, spelled: type[str]
) -> None:
    monkeypatch.setenv(spelled(f"AUTHSVC_{old}"), valid(new))
    loaded = load()
    assert getattr(loaded.settings, new) == getattr(load(flags={new: valid(new)}).settings, new)
    assert loaded.origins[new] == "environment"
    assert loaded.notes == (f"setting {old} is now called {new}; rename it in the environment",)


@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=RENAMED.keys())
@pytest.mark.usefixtures("folder")
def test_old_name_as_a_flag_counts_with_a_note(old: str, new: str) -> None:
    loaded = load(flags={old: valid(new)})
    assert getattr(loaded.settings, new) == getattr(load(flags={new: valid(new)}).settings, new)
    assert loaded.origins[new] == "command line"
    assert loaded.notes == (f"setting {old} is now called {new}; rename it on the command line",)


@pytest.mark.parametrize(("name", "instead"), REMOVED.items(), ids=REMOVED.keys())
def test_removed_setting_is_ignored_with_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, instead: str
) -> None:
    before = load().settings
    file = folder / "my.toml"
    file.write_text(f"{name} = true\n")
    monkeypatch.setenv(f"AUTHSVC_{name.upper()}", "anything")
    loaded = load(config=file, flags={name: True})
    assert loaded.settings == before
    (note,) = loaded.notes
    start, *fixes = re.split("; | and (?=remove)", note)
    assert start == f"setting {name} was removed: {instead}"
    assert fixes == ["remove it on the command line", "remove it in the environment", f"remove it in {file}"]


def test_new_name_wins_over_the_old_one_in_the_same_file(folder: Path) -> None:
    file = folder / "my.toml"
    file.write_text("image_timeout = 7\ndecode_timeout = 8\n")
    loaded = load(config=file)
    assert loaded.settings.decode_timeout == 8
    (note,) = loaded.notes
    assert note.startswith("setting image_timeout is now called decode_timeout; ")
    assert note.endswith(f"; remove it in {file}, where decode_timeout is given too and wins")


def test_old_name_in_a_later_source_wins_as_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that an upgrade writes must not silence what the environment has always set."""
    file = folder / "my.toml"
    file.write_text("decode_timeout = 8\n")
    monkeypatch.setenv("AUTHSVC_IMAGE_TIMEOUT", "7")
    loaded = load(config=file)
    assert (loaded.settings.decode_timeout, loaded.origins["decode_timeout"]) == (7, "environment")


def test_old_name_in_two_sources_gets_one_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "my.toml"
    file.write_text("image_timeout = 7\n")
    monkeypatch.setenv("AUTHSVC_IMAGE_TIMEOUT", "9")
    loaded = load(config=file)
    assert loaded.settings.decode_timeout == 9
    assert loaded.notes == (
        f"setting image_timeout is now called decode_timeout; rename it in the environment and rename it in {file}",
    )


def test_bad_value_of_an_old_name_is_refused_with_the_note(folder: Path) -> None:
    file = folder / "my.toml"
    file.write_text("image_timeout = 0\n")
    with pytest.raises(BadSetting) as caught:
        load(config=file)
    assert "setting decode_timeout = 0 (file): " in caught.value.text
    assert f"setting image_timeout is now called decode_timeout; rename it in {file}" in caught.value.text


def test_settings_without_old_names_have_no_note(folder: Path) -> None:
    assert load(flags={"data_dir": folder}).notes == ()
