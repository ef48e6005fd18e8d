"""Write the generated pages and parts of pages: settings, commands, error codes, tables of figures.

`make docs` calls it. A test holds the pages equal to what it writes, and every
setting, option, argument and error to be explained.
"""

import inspect
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import get_completion_class

from authsvc.cli.root import authsvc
from authsvc.errors import (
    NGINX_REFUSALS,
    AnswerError,
    AuthsvcError,
    DiskFull,
    OperatorError,
    ServerError,
    Unavailable,
    UploadRefused,
)
from authsvc.settings import ENV_PREFIX, REMOVED, RENAMED, Settings
from docs import chinese
from docs.campaign import campaign_parts
from docs.commandtree import contexts
from docs.decisions import DECISIONS, PUBLIC_URL, SITES, Decision
from docs.images import images_parts
from docs.manual import manual_page
from docs.performance import performance_parts
from docs.tables import table, with_parts

HERE: Final = Path(__file__).resolve().parent
NOTICE: Final = "<!-- Written by docs/generate.py from the code: change the code, then run `make docs`. -->\n\n"

SETTINGS_HEAD: Final = """# Settings

Each setting has one value. Later sources win over earlier ones:

1. the default below;
2. the settings file: `authsvc.toml` in the data folder, or the file that `--config` or the environment
   variable `AUTHSVC_CONFIG` names;
3. the environment variable, `AUTHSVC_` and the setting's name in capitals; write a list as `a, b`;
4. the command line: `--data-dir`, and `--port` of `authsvc up`.

A settings file is TOML:

```toml
public_url = "https://img.example.com"
extra_hosts = ["pictures.example.com"]
hidden_referer = "allow"
```

`authsvc check-config` prints every effective value and its source. An unknown setting or a value out of range
stops the start, with a line that names both. Settings are read at the start: restart after a change.

"""

OLD_NAMES_HEAD: Final = """
## Names in earlier versions

An old name still works in every source. The service logs one note for each old name when it starts, and
`authsvc check-config` prints it. Where a source has both names, the new one wins.

"""

COMMANDS_HEAD: Final = """# Commands

`make run` installs the command as `.venv/bin/authsvc`. It works on the data folder `var` in the current
folder, unless `--data-dir` or a [setting](settings.md) names another. All commands work whether the service runs or not
(`authsvc up` and `authsvc serve` start it). Lists are printed as tables; `--json` prints them for programs.

Exit status:

| Status | Meaning |
| ---: | --- |
| 0 | Done. For `authsvc verdict`: the picture would be shown. |
| 1 | Failed. One line on stderr gives the reason and what to do. |
| 2 | Wrong usage: an unknown command or option, or a missing argument. |
| 3 | Only from `authsvc verdict`: the picture would not be shown. |

"""

ERRORS_HEAD: Final = """# Error codes

A failed upload gets a status of 400 or above and this JSON, also when nginx itself refuses it:

```json
{"status": 1, "code": "unsupported", "message": "…", "data": "…the same text…"}
```

`code` never changes for the same error, so a program may rely on it. `message` explains what to do; `…` below
stands for a part that varies. Reads get placeholder pictures instead: see
[addresses](addresses.md).

"""

BRANCHES: Final = (
    (
        UploadRefused,
        "## The upload is refused",
        "Sending the same upload again does not help.",
    ),
    (ServerError, "## The server cannot accept it now", "Sending the same upload again later may help."),
)

NGINX_HEAD: Final = """## What nginx itself refuses

On upload addresses nginx answers its own refusals with the codes above. A status that only nginx knows, such
as 494, never reaches the client.

"""

MISUSE_HEAD: Final = """## Errors of commands

A command that fails prints one line and exits with status 1. These are the kinds of failure. They have no
code, because people read them.

"""


def pages() -> dict[str, str]:
    """Return the text of every generated file by its path in the checkout."""
    return {
        "docs/settings.md": settings_page(),
        "docs/commands.md": commands_page(),
        "docs/errors.md": errors_page(),
        "docs/verdict.md": verdict_page(),
        "docs/zh/verdict.md": chinese_verdict_page(),
        "docs/campaign.md": with_parts(HERE / "campaign.md", campaign_parts()),
        "docs/performance.md": with_parts(HERE / "performance.md", performance_parts()),
        "docs/images.md": with_parts(HERE / "images.md", images_parts()),
        "docs/authsvc.1": manual_page(authsvc),
        **{f"completions/authsvc.{shell}": completion(shell) for shell in ("bash", "zsh", "fish")},
    }


def completion(shell: str) -> str:
    """Return the script that completes the command's words in one shell."""
    kind = get_completion_class(shell)
    assert kind is not None, shell  # noqa: S101 — click knows all three
    return kind(authsvc, {}, "authsvc", "_AUTHSVC_COMPLETE").source().strip() + "\n"


def settings_page() -> str:
    """Return the table of all settings."""
    columns = ("Setting", "Type", "Unit", "Range", "Default", "Meaning", "Environment variable")
    fields = Settings.model_json_schema()["properties"]
    rows = [
        (
            f"`{name}`",
            _type_of(field),
            field.get("unit", ""),
            _range_of(field),
            _default_of(field),
            field.get("description", ""),
            f"`{ENV_PREFIX}{name.upper()}`",
        )
        for name, field in fields.items()
    ]
    old = [(f"`{name}`", f"`{new}`") for name, new in RENAMED.items()]
    old += [(f"`{name}`", f"Removed: {instead}.") for name, instead in REMOVED.items()]
    return NOTICE + SETTINGS_HEAD + table(columns, rows) + OLD_NAMES_HEAD + table(("Old name", "Use this instead"), old)


def commands_page() -> str:
    """Return a section for every command, the options before commands first."""
    sections = [_command_section(context) for context in contexts(authsvc, "authsvc")]
    return NOTICE + COMMANDS_HEAD + "\n".join(sections)


def errors_page() -> str:
    """Return the tables of all error codes, by branch of the error tree."""
    parts = [NOTICE + ERRORS_HEAD]
    for branch, title, note in BRANCHES:
        parts.append(f"{title}\n\n{note}\n\n" + _answer_table(branch) + "\n")
    columns = ("nginx's status", "Status", "Code")
    parts.append(NGINX_HEAD + table(columns, _nginx_rows()) + "\n")
    rows = [(f"`{kind.__name__}`", _meaning(kind)) for kind in OperatorError.__subclasses__()]
    parts.append(MISUSE_HEAD + table(("Kind", "Meaning"), rows))
    return "".join(parts)


def verdict_page() -> str:
    """Return the page on the verdict, with the decision table of the tests in its place."""
    sites = ", ".join(f"`{site}`" for site in SITES)
    introduction = f"The list contains {sites}. `public_url` is `{PUBLIC_URL}`."
    rows = [_decision_row(row, row.situation, "none", "allow" if row.allowed else "deny") for row in DECISIONS]
    columns = ("Situation", "Headers", "Embedder", "Verdict", "Reason")
    return with_parts(HERE / "verdict.md", {"decisions": f"{introduction}\n\n{table(columns, rows)}"})


def chinese_verdict_page() -> str:
    """Return the same page in Chinese."""
    sites = chinese.SEPARATOR.join(f"`{site}`" for site in SITES)
    introduction = chinese.INTRODUCTION.format(sites=sites, public_url=PUBLIC_URL)
    rows = [
        _decision_row(row, chinese.SITUATIONS[row.situation], chinese.NOTHING_SENT, chinese.VERDICTS[row.allowed])
        for row in DECISIONS
    ]
    return with_parts(HERE / "zh" / "verdict.md", {"decisions": f"{introduction}\n\n{table(chinese.COLUMNS, rows)}"})


def _decision_row(row: Decision, situation: str, nothing: str, verdict: str) -> tuple[str, ...]:
    sent = "<br>".join(f"`{line}`" for line in row.sent.splitlines()) or nothing
    return situation, sent, f"`{row.embedder}`", verdict, f"`{row.reason.value}`"


def _type_of(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return _type_of(field["anyOf"][0])
    if field.get("format") == "path":
        return "path"
    if field["type"] == "array":
        return "list of text"
    return {"boolean": "true or false", "integer": "whole number", "string": "text"}[field["type"]]


def _range_of(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "minimum" in field:
        return f"{field['minimum']} to {field['maximum']}"
    return f"`{field['pattern']}`" if "pattern" in field else ""


def _default_of(field: dict[str, Any]) -> str:
    default = field["default"]
    if default is None or default == "":
        return "unset"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in default) or "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _command_section(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "")
    parts = [f"## `{context.command_path}`\n", f"{text}\n", f"```text\n{usage}\n```\n"]
    records = [
        parameter.get_help_record(context) for parameter in command.params if isinstance(parameter, click.Option)
    ]
    rows = [(f"`{record[0]}`", " ".join(record[1].split())) for record in records if record is not None]
    if rows:
        parts.append(table(("Option", "Meaning"), rows))
    return "\n".join(parts)


def _answer_table(branch: type[AnswerError]) -> str:
    columns = ("Status", "Code", "Meaning", "Message", "Retry-After")
    kinds = sorted(branch.__subclasses__(), key=lambda kind: (kind.status, kind.code))
    rows = [
        (
            str(kind.status),
            f"`{kind.code}`",
            _meaning(kind),
            re.sub(r"\{\w+\}", "…", kind.template),
            "" if kind.retry_after is None else f"{kind.retry_after} s",
        )
        for kind in kinds
    ]
    return table(columns, rows)


def _nginx_rows() -> list[tuple[str, str, str]]:
    # The one status whose answer depends on whether the token was found valid.
    rows = [("500", str(kind.status), f"`{kind.code}`") for kind in (DiskFull, Unavailable)]
    for refusal in NGINX_REFUSALS:
        if refusal.statuses:
            statuses = ", ".join(map(str, refusal.statuses))
            rows.append((statuses, str(refusal.error.status), f"`{refusal.error.code}`"))
    return rows


def _meaning(kind: type[AuthsvcError]) -> str:
    return inspect.cleandoc(vars(kind).get("__doc__") or "").partition("\n\n")[0].replace("\n", " ")


def main(arguments: Sequence[str]) -> None:
    """Write every file below the folder that the first argument names, else in the checkout."""
    folder = Path(arguments[0]) if arguments else HERE.parent
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
