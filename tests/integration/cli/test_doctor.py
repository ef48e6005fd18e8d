import json
import re

import pytest

from tests.support.cli.command import Home
from tests.support.stack import Stack, wait_until

LINE = re.compile(r"(ok|warning|error) +([a-z]+) +\S.*")


def checks_of(said: str) -> dict[str, str]:
    """Return the states that a report for people names, by check; all lines are of the promised form."""
    lines = [line for line in said.splitlines() if not line.startswith(" ")]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), said
    return {match[2]: match[1] for match in found if match}


def test_running_stack_has_no_errors(stack: Stack) -> None:
    # Another test may have changed the sites a moment ago.
    wait_until(lambda: Home(stack.data_dir).run("doctor").status == 0, "there is no error")
    states = checks_of(Home(stack.data_dir).run("doctor").stdout)
    assert {"data", "disk", "service", "nginx", "sites", "clock"} <= set(states)
    assert {states[check] for check in ("data", "service", "nginx")} == {"ok"}


def test_errors_come_with_a_fix_and_fail_the_command(home: Home) -> None:
    done = home.run("doctor")
    assert done.status == 1
    assert done.stderr == ""
    assert checks_of(done.stdout)["service"] == "error"
    error = next(line for line in done.stdout.splitlines() if line.startswith("error"))
    fix = done.stdout.splitlines()[done.stdout.splitlines().index(error) + 1]
    assert fix.strip().startswith("fix it: ")


def test_missing_folder_is_an_error_that_init_fixes(home: Home) -> None:
    absent = Home(home.folder / "absent")
    found = {finding["check"]: finding for finding in json.loads(absent.run("doctor", "--json").stdout)}
    assert (found["data"]["state"], found["data"]["fix"]) == ("error", "authsvc init")
    assert "disk" not in found
    absent.ok("init")
    found = {finding["check"]: finding for finding in json.loads(absent.run("doctor", "--json").stdout)}
    assert found["data"]["state"] == "ok"


def test_json_report_has_the_same_findings(home: Home) -> None:
    done = home.run("doctor", "--json")
    findings = json.loads(done.stdout)
    assert all(set(finding) == {"check", "state", "text", "fix"} for finding in findings)
    assert {finding["check"]: finding["state"] for finding in findings} == checks_of(home.run("doctor").stdout)
    assert all((finding["fix"] is None) is (finding["state"] == "ok") for finding in findings)


def test_untrusted_file_name_cannot_control_the_terminal(home: Home) -> None:
    folder = home.folder / "run" / "x\x1b[2Jy\nok       data         all is well"
    folder.mkdir()
    folder.chmod(0o777)
    said = home.run("doctor").stdout
    assert "\x1b" not in said
    assert "x [2Jy ok " in said
    assert not [line for line in said.splitlines() if line.startswith("ok       data")]


@pytest.mark.parametrize(
    ("user", "several", "one"),
    [
        (0, "systemctl restart authsvc.socket authsvc; journalctl -u authsvc -n 20", "chmod o-w"),
        (1000, "sudo sh -c 'systemctl restart authsvc.socket authsvc; journalctl -u authsvc -n 20'", "sudo chmod o-w"),
    ],
    ids=["root", "another user"],
)
def test_fixes_use_sudo_only_without_root(
    home: Home, monkeypatch: pytest.MonkeyPatch, user: int, several: str, one: str
) -> None:
    (home.folder / "blobs").chmod(0o777)
    monkeypatch.setattr("os.geteuid", lambda: user)
    said = home.run("doctor").stdout
    assert f"fix it: {several}\n" in said
    assert f"fix it: {one} {home.folder / 'blobs'}\n" in said
