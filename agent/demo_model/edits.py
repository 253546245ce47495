"""The edits that the demo model makes to the demo project."""

from agent.demo_model.reply import Call

FIX = Call(
    "edit",
    {
        "path": "kettle/durations.py",
        "old": "        total = int(number) * SECONDS[unit]",
        "new": "        total += int(number) * SECONDS[unit]",
    },
)
FEATURE = Call(
    "edit",
    {
        "path": "kettle/teas.py",
        "old": (
            'def steep_time(name):\n    """Return for how many seconds a tea steeps."""\n'
            "    return parse(find(name).first)\n"
        ),
        "new": (
            "def steep_time(name, infusion=1):\n"
            '    """Return for how many seconds the given infusion of a tea steeps."""\n'
            "    tea = find(name)\n    return parse(tea.first) + (infusion - 1) * parse(tea.longer)\n"
        ),
    },
)
OPTION = Call(
    "edit",
    {
        "path": "kettle/__main__.py",
        "old": '    parser.add_argument("tea")\n',
        "new": (
            '    parser.add_argument("tea")\n    parser.add_argument("--infusion", type=int, default=1, metavar="N")\n'
        ),
    },
)
USE = Call(
    "edit",
    {
        "path": "kettle/__main__.py",
        "old": "steep_time(options.tea)",
        "new": "steep_time(options.tea, options.infusion)",
    },
)
README = Call(
    "edit",
    {
        "path": "README.md",
        "old": "    python3 -m kettle sencha\n",
        "new": "    python3 -m kettle sencha\n    python3 -m kettle sencha --infusion 3\n",
    },
)
