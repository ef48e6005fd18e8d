"""Where settings come from, and the errors for wrong ones."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from authsvc.errors import BadSetting
from authsvc.settings import Settings, load
from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS


def test_every_setting_has_a_usable_default(folder: Path) -> None:
    loaded = load()
    assert set(loaded.origins) == set(Settings.model_fields)
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.config_file is None
    assert loaded.settings.data_dir == folder / "var"
    assert loaded.settings.max_upload_bytes == 20 * 2**20
    assert (loaded.settings.empty_referer, loaded.settings.hidden_referer) == ("allow", "deny")
    assert loaded.settings.editor_agents == DEFAULT_EDITOR_AGENTS
    assert (loaded.settings.hotlink_status, loaded.settings.missing_status) == (403, 404)


def test_every_setting_is_described() -> None:
    assert all(field.description and field.description.endswith(".") for field in Settings.model_fields.values())


def test_later_source_wins_for_each_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "my.toml"
    file.write_text("port = 1001\nupload_rate = 1001\nbody_timeout = 1001\n")
    monkeypatch.setenv("AUTHSVC_PORT", "1002")
    monkeypatch.setenv("AUTHSVC_UPLOAD_RATE", "1002")
    loaded = load(config=file, flags={"port": 1003, "body_timeout": None})
    found = {name: (getattr(loaded.settings, name), loaded.origins[name]) for name in ("port", "upload_rate")}
    assert found == {"port": (1003, "command line"), "upload_rate": (1002, "environment")}
    assert (loaded.settings.body_timeout, loaded.origins["body_timeout"]) == (1001, "file")
    assert loaded.origins["upload_burst"] == "default"
    assert loaded.config_file == file


def test_file_in_the_data_folder_is_found(folder: Path) -> None:
    data_dir = folder / "data"
    data_dir.mkdir()
    (data_dir / "authsvc.toml").write_text("port = 1001\n")
    loaded = load(flags={"data_dir": data_dir})
    assert (loaded.settings.port, loaded.config_file) == (1001, data_dir / "authsvc.toml")


def test_file_in_the_data_folder_of_the_environment_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "authsvc.toml").write_text("port = 1001\n")
    monkeypatch.setenv("AUTHSVC_DATA_DIR", str(folder))
    assert load().settings.port == 1001


def test_named_file_wins_over_the_one_in_the_data_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "authsvc.toml").write_text("port = 1001\n")
    (folder / "environment.toml").write_text("port = 1002\n")
    (folder / "flag.toml").write_text("port = 1003\n")
    monkeypatch.setenv("AUTHSVC_CONFIG", str(folder / "environment.toml"))
    assert load(flags={"data_dir": folder}).settings.port == 1002
    assert load(config=folder / "flag.toml", flags={"data_dir": folder}).settings.port == 1003


def test_empty_name_of_a_file_counts_as_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSVC_CONFIG", "")
    assert load(flags={"data_dir": folder}).config_file is None


BAD_FILES = {
    "missing": (None, "does not exist"),
    "no TOML": (b"port 8080", "settings.toml: "),
    "no UTF-8": (b'listen = "\xff"', "settings.toml: "),
    "unknown setting": (b"prot = 8080", "unknown setting 'prot' in .*settings.toml; did you mean 'port'"),
    "unknown table": (b"[nothing_like_it]\nport = 1", "unknown setting 'nothing_like_it' .*docs/settings.md"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_file_is_refused_by_its_name(folder: Path, content: bytes | None, message: str) -> None:
    file = folder / "settings.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSetting, match=message):
        load(config=file)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("AUTHSVC_PROT", "unknown setting 'prot' .* variable AUTHSVC_PROT; did you mean 'port'"),
        ("AUTHSVC_SOCKETS", "unknown setting 'sockets' .* did you mean 'socket'"),
        ("AUTHSVC_QQQQQQ", "unknown setting 'qqqqqq' .*; docs/settings.md lists them all"),
        ("AUTHSVC_", "unknown setting ''"),
        ("authsvc_prot", "unknown setting 'prot'"),
    ],
    ids=["typing error", "plural", "unlike all", "no name", "lower case, as known ones may have"],
)
def test_unknown_setting_in_the_environment_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, message: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(BadSetting, match=message):
        load(flags={"data_dir": folder})


def test_other_environment_variables_are_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("AUTHSVCPORT", "1")
    assert load(flags={"data_dir": folder}).settings.port == 8080


def test_bad_value_is_reported_with_its_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "my.toml"
    file.write_text("port = 70001\n")
    with pytest.raises(BadSetting, match=r"setting port = 70001 \(file\): .*1 to 65535"):
        load(config=file)
    monkeypatch.setenv("AUTHSVC_PORT", "70002")
    with pytest.raises(BadSetting, match=r"setting port = '70002' \(environment\): .*1 to 65535"):
        load(config=file)
    with pytest.raises(BadSetting, match=r"setting port = 70003 \(command line\): .*1 to 65535"):
        load(config=file, flags={"port": 70003})


def test_all_bad_values_are_named_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSVC_PORT", "0")
    monkeypatch.setenv("AUTHSVC_EMPTY_REFERER", "maybe")
    with pytest.raises(BadSetting) as caught:
        load(flags={"data_dir": folder})
    assert "setting port = '0'" in caught.value.text
    assert "setting empty_referer = 'maybe'" in caught.value.text
    assert "\n" not in caught.value.text


@pytest.mark.parametrize("name", ["hotlink_status", "missing_status"])
def test_placeholder_status_can_be_set_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"AUTHSVC_{name.upper()}", "200")
    assert getattr(load(flags={"data_dir": folder}).settings, name) == 200


def test_settings_do_not_change_once_loaded(folder: Path) -> None:
    settings = load(flags={"data_dir": folder}).settings
    with pytest.raises(ValidationError):
        setattr(settings, "port", 1)  # noqa: B010 — mypy knows that it is read-only


def test_only_load_reads_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSVC_PORT", "1002")
    assert Settings(data_dir=folder).port == 8080
