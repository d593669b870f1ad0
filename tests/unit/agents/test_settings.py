"""What may stand in `[agent.NAME]`, and what is told where it may not."""

import re

import pytest
from pydantic import ValidationError

from mailrail.agents import AgentSettings, Kind, all_agents


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"kind": "maildir", "command": ["/bin/x"]}, "command is for pipe only, not for maildir"),
        ({"kind": "discard", "path": "/x"}, "path is for maildir and mbox only"),
        ({"kind": "maildir", "path": "relative"}, 'a path begins with "/"'),
        ({"kind": "mbox", "folders": True}, "folders is for maildir only"),
        ({"kind": "http"}, "kind http needs url"),
        ({"kind": "http", "url": "http://example.org/x"}, "must begin with https://"),
        ({"kind": "http", "url": "https://a:b@example.org/x"}, "have no login in it"),
        ({"kind": "function"}, "kind function needs function"),
        ({"kind": "function", "function": "os.system"}, "names no function"),
        ({"kind": "error", "reply": "250 2.0.0 Ok"}, "is not a reply"),
        ({"kind": "error", "reply": "550 4.1.1 No"}, "is not a reply"),
        ({"kind": "pipe", "command": ["x"]}, "by its absolute path"),
        ({"kind": "pipe", "command": ["/x", "{shell}"]}, "{shell} is not known"),
        ({"kind": "pipe", "command": ["/x", "--to={recipient}"], "together": True}, "which stands for each"),
        ({"kind": "pipe", "environment": {"A=B": "c"}}, "names are letters"),
        ({"kind": "maildir", "group": "mail"}, "group needs user"),
        ({"kind": "maildir", "user": "{domain}"}, "{domain} is not known"),
    ],
)
def test_what_cannot_be_meant_is_told(table: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        AgentSettings.model_validate(table)


def test_some_agents_are_there_without_a_table() -> None:
    own = AgentSettings(kind=Kind.MAILDIR, path="/x")
    found = all_agents({"maildir": own, "mine": own})
    assert found["maildir"] is found["mine"] is own
    assert {"mbox", "pipe", "discard", "error"} <= found.keys()
    assert str(found["error"].answer) == "550 5.1.1 No such mailbox here"
