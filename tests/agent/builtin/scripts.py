"""What the scripted model says in these tests."""

from agent.demo_model.reply import Call, Reply
from tests.doubles.openai_model import RECAP

GREETING = Call("edit", {"path": "hello.py", "old": 'print("hello")', "new": 'print("good morning")'})
NOTE = Call("write", {"path": "notes/new.txt", "content": "one\ntwo\n"})
STEPS = [{"content": "Look", "status": "completed"}, {"content": "Greet", "status": "in_progress"}]
SLEEP = "echo $$ > pid; echo begun; sleep 300"

SCRIPTS = {
    "tour": [
        Reply("Let me see. ", (Call("plan", {"steps": STEPS}), Call("read", {"path": "hello.py"})), thought="Hm."),
        Reply("", (GREETING, NOTE)),
        Reply("", (Call("run", {"command": "python3 hello.py; exit 3"}),)),
        Reply("All done."),
    ],
    "each": [Reply("", (GREETING, NOTE, Call("run", {"command": "echo ran > ran.txt"}))), Reply("Done.")],
    "twice": [
        Reply("", (Call("run", {"command": "echo one >> ran.txt"}),)),
        Reply("", (Call("run", {"command": "echo two >> ran.txt"}),)),
        Reply("Done."),
    ],
    "sleep": [
        Reply("Before. ", (Call("read", {"path": "hello.py"}),)),
        Reply("Now. ", (Call("run", {"command": SLEEP}), Call("read", {"path": "hello.py"}))),
        Reply("It is over."),
    ],
    "long": [Reply("word " * 2000, word_pause=0.02)],
    "look": [
        Reply("", (Call("list", {"depth": 2}), Call("search", {"pattern": "hel+o"}), Call("read", {"path": "."}))),
        Reply("Looked."),
    ],
    "escape": [
        Reply(
            "",
            (
                Call("read", {"path": "../secret.txt"}),
                Call("read", {"path": "/etc/hostname"}),
                Call("write", {"path": "link/evil.txt", "content": "x"}),
                Call("edit", {"path": ".git/config", "old": "a", "new": "b"}),
            ),
        ),
        Reply("Kept inside."),
    ],
    "wrong": [
        Reply("", (Call("fly", {}), Call("read", {"file": "hello.py"}), Call("read", '{"path": "hel'))),
        Reply("I see."),
    ],
    "chatter": [
        Reply("", (Call("run", {"command": "for i in 1 2 3; do echo line $i; sleep 0.5; done"}),)),
        Reply("Ok."),
    ],
    "keys": [Reply("", (Call("run", {"command": "env"}),)), Reply("Ok.")],
    "recap": [Reply(RECAP)],
    "refuse": [Reply("I would rather not.", finish_reason="content_filter")],
    "cut": [Reply("This goes on and on", finish_reason="length")],
    "break": [Reply("these words come and then nothing", break_after=4)],
    "401": [Reply("wrong key", status=401)],
    "404": [Reply("no such model", status=404)],
    "429": [Reply("slow down", status=429, headers={"retry-after-ms": "1"})],
    "500": [Reply("oh dear", status=500, headers={"retry-after-ms": "1"})],
}


def ask(name: str, words: str = "Please") -> str:
    """Return a prompt that runs the script ``name``."""
    return f"{words} [[script: {name}]]"
