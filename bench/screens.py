"""Writes the screenshots of docs/screens from recorded data through the real app.

``python bench/screens.py [OUTDIR]``
"""

import asyncio
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.tui.scenes import KEPT, staged

SIZES = ((80, 24), (120, 40), (200, 60))


def _offline(svg: str) -> str:
    """Without fonts from the network, and with the spaces that some programs would drop."""
    svg = re.sub(r"@font-face \{.*?\n    \}\n", "", svg, flags=re.DOTALL)
    return svg.replace("<text ", '<text xml:space="preserve" ').replace("Fira Code, monospace", "monospace")


async def shoot(name: str, size: tuple[int, int], theme: str, out: Path) -> Path:
    """One screenshot."""
    async with staged(name, size, theme) as (app, _):
        path = out / f"{name}-{size[0]}x{size[1]}.svg"
        path.write_text(_offline(app.export_screenshot(title="castoff")), encoding="utf-8")
    return path


async def main() -> None:
    """The screens of docs/ at two sizes; or with ``all`` every scene, size and theme given."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "docs" / "screens"
    out.mkdir(parents=True, exist_ok=True)
    names = sys.argv[3].split(",") if len(sys.argv) > 3 else KEPT
    theme = sys.argv[2] if len(sys.argv) > 2 else "harbour"
    sizes = [tuple(int(n) for n in s.split("x")) for s in sys.argv[4].split(",")] if len(sys.argv) > 4 else SIZES[:2]
    for name in names:
        for width, height in sizes:
            print(await shoot(name, (width, height), theme, out))


if __name__ == "__main__":
    asyncio.run(main())
